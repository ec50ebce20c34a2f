// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: must be at least 0 and below 1
#include <keel/hedge.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::hedge({.percentile = 95});
#else
constexpr auto c = keel::hedge({.percentile = 0.95});
#endif
