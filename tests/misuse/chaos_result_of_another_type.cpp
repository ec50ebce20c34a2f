// SPDX-License-Identifier: BSL-1.0
// expect: keel: the value of chaos.result(v) is not what the guarded function returns
#include <keel/keel.hpp>

int get() {
#if defined(MISTAKE)
    keel::pipeline p{keel::chaos({.rate = 1}).result("none")};
#else
    keel::pipeline p{keel::chaos({.rate = 1}).result(0)};
#endif
    return p([] { return 1; });
}
