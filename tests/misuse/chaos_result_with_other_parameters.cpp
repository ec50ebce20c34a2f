// SPDX-License-Identifier: BSL-1.0
// expect: keel: the function of chaos.result(f) can't be called, as const, with nothing or a `const keel::context&`
#include <keel/keel.hpp>

bool get() {
#if defined(MISTAKE)
    // What a fallback's function is told: here nothing has failed.
    keel::pipeline p{keel::chaos({.rate = 1}).result([](const keel::failure&) { return true; })};
#else
    keel::pipeline p{keel::chaos({.rate = 1}).result([](const keel::context&) { return true; })};
#endif
    return p([] { return false; });
}
