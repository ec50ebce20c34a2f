// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "failure_rate"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::breaker<keel::sliding_window>({.failure_rate = 1.5});
#else
constexpr auto c = keel::breaker<keel::sliding_window>({.failure_rate = 1});
#endif
