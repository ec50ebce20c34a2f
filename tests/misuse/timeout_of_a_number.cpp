// SPDX-License-Identifier: BSL-1.0
// expect-gcc: no match for call
// expect-clang: no matching function for call
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::timeout(50);
#else
constexpr auto c = keel::timeout(50ms);
#endif
