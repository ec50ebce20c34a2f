// SPDX-License-Identifier: BSL-1.0
// expect: keel: the fallback's function can't be called, as const,
#include <keel/keel.hpp>

int get() {
#if defined(MISTAKE)
    keel::pipeline p{keel::fallback([n = 0]() mutable { return ++n; })};
#else
    keel::pipeline p{keel::fallback([n = 0]() { return n + 1; })};
#endif
    return p([] { return 1; });
}
