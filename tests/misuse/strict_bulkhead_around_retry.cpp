// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: attempts in one permit, which is held through the waits: write it to the right of the retry
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::strict(keel::bulkhead({.permits = 8}) | keel::retry<> | keel::breaker<>);
#else
constexpr auto c = keel::strict(keel::retry<> | keel::bulkhead({.permits = 8}) | keel::breaker<>);
#endif
