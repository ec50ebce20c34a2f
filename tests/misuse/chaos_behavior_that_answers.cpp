// SPDX-License-Identifier: BSL-1.0
// expect: call_behavior
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::chaos({.rate = 0.05}).behavior([] { return 1; });
#else
constexpr auto c = keel::chaos({.rate = 0.05}).result([] { return 1; });
#endif
