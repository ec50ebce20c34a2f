// SPDX-License-Identifier: BSL-1.0
// expect-gcc: no match for call
// expect-clang: no matching function for call
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::breaker<keel::consecutive_failures>({.failure_rate = 0.5});
#else
constexpr auto c = keel::breaker<keel::consecutive_failures>({.window = {.failures = 3}});
#endif
