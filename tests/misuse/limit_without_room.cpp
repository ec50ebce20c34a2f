// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "initial"
// expect: "must be from min to max"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::limit<keel::gradient>({.max = 10}); // and 20 at first
#else
constexpr auto c = keel::limit<keel::gradient>({.initial = 5, .max = 10});
#endif
