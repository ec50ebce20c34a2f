// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "burst"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::rate_limit({.burst = 0});
#else
constexpr auto c = keel::rate_limit({.burst = 1});
#endif
