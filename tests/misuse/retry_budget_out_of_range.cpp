// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "ratio"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::retry<keel::exp_jitter>.budgeted({.max_tokens = 10, .ratio = 0.0625});
#else
constexpr auto c = keel::retry<keel::exp_jitter>.budgeted({.max_tokens = 10, .ratio = 0.062});
#endif
