// SPDX-License-Identifier: BSL-1.0
// expect: keel: a call that is driven by hand has no value that a fallback could replace
// expect: Write `fallback([] {})`, and put the value in where the call ends
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::fallback(-1) | keel::timeout};
#else
keel::pipeline p{keel::fallback([] {}) | keel::timeout};
#endif
int get(int (*fetch)()) {
    auto t = p.begin();
    const int value = fetch();
    if (value < 0)
        t.failure();
    else
        t.success();
    return t.result() ? value : -1;
}
