// SPDX-License-Identifier: BSL-1.0
// expect-gcc: use of deleted function
// expect-clang: deleted
#include <keel/keel.hpp>

#if defined(MISTAKE)
auto f = keel::pipeline{keel::timeout}.wrap([](int i) { return i; });
#else
keel::pipeline p{keel::timeout};
auto f = p.wrap([](int i) { return i; });
#endif
