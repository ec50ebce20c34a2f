// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: with neither a budget nor a breaker
#include <keel/keel.hpp>

constinit keel::retry_budget budget;

#if defined(MISTAKE)
constexpr auto c = keel::strict(keel::timeout | keel::hedge);
#else
constexpr auto c = keel::strict(keel::timeout | keel::hedge({.budget = &budget}));
#endif
