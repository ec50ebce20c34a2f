// SPDX-License-Identifier: BSL-1.0
// expect: keel: the fallback's function can't be called, as const, with nothing
#include <keel/keel.hpp>

bool get() {
#if defined(MISTAKE)
    // Convertible to bool, as every closure without captures; not meant as a value.
    keel::pipeline p{keel::fallback([](int) { return true; })};
#else
    keel::pipeline p{keel::fallback([](const keel::failure&) { return true; })};
#endif
    return p([] { return false; });
}
