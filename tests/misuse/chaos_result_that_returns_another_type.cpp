// SPDX-License-Identifier: BSL-1.0
// expect: keel: what the function of chaos.result(f) returns is not what the guarded function returns
#include <keel/keel.hpp>

int get() {
#if defined(MISTAKE)
    // A fault that is thrown, with the return type that a closure has by itself.
    keel::pipeline p{keel::chaos({.rate = 1}).result([] { throw 1; })};
#else
    keel::pipeline p{keel::chaos({.rate = 1}).result([]() -> int { throw 1; })};
#endif
    return p([] { return 1; });
}
