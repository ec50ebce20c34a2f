// SPDX-License-Identifier: BSL-1.0
// expect-gcc: no matching function for call
// expect-clang: no matching constructor
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
keel::ticker t(5);
#else
keel::ticker t(5ms);
#endif
