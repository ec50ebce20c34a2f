// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "window.calls"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::breaker<keel::sliding_window>({.window = {.calls = 1000}});
#else
constexpr keel::sliding_window_options enough{.failures = 500};
constexpr auto c = keel::breaker<keel::basic_sliding_window<enough>>({.window = {.calls = 1000}});
#endif
