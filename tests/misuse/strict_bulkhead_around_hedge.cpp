// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: attempts in one permit, perhaps at the same time: write it to the right of the hedge
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::strict(keel::bulkhead | keel::hedge | keel::breaker<>);
#else
constexpr auto c = keel::strict(keel::hedge | keel::bulkhead | keel::breaker<>);
#endif
