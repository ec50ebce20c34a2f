// SPDX-License-Identifier: BSL-1.0
// expect-gcc: no match for call
// expect-clang: no matching function for call
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::rate_limit(50);
#else
constexpr auto c = keel::rate_limit({.rate = 50});
#endif
