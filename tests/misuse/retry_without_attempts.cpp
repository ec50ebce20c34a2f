// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "attempts"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::retry<keel::exp_jitter>({.attempts = 0});
#else
constexpr auto c = keel::retry<keel::exp_jitter>({.attempts = 1});
#endif
