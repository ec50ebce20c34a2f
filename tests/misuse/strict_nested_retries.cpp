// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: nested retries and hedges multiply: keep one of them
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::strict(keel::retry<> | keel::retry<> | keel::breaker<>);
#else
constexpr auto c = keel::strict(keel::retry<> | keel::breaker<>);
#endif
