// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "rate"
// expect: "must be from 0 to 1"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::chaos({.rate = 5}).fault();
#else
constexpr auto c = keel::chaos({.rate = 0.05}).fault();
#endif
