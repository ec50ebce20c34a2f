// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: must be at least 1 and at most 16
#include <keel/hedge.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::hedge({.extra = 17});
#else
constexpr auto c = keel::hedge({.extra = 16});
#endif
