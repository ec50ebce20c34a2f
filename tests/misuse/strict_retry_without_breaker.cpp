// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: attempts with neither a budget nor a breaker can storm the callee: add one of them
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::strict(keel::timeout | keel::retry<>);
#else
constexpr auto c = keel::strict(keel::timeout | keel::retry<> | keel::breaker<>);
#endif
