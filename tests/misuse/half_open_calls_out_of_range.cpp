// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "half_open_calls"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::breaker<keel::sliding_window>({.half_open_calls = 64});
#else
constexpr auto c = keel::breaker<keel::sliding_window>({.half_open_calls = 63});
#endif
