// SPDX-License-Identifier: BSL-1.0
// expect: keel: what the fallback's function returns is not what the guarded function returns
#include <keel/keel.hpp>

int get() {
#if defined(MISTAKE)
    keel::pipeline p{keel::fallback([](const keel::failure&) { return "none"; })};
#else
    keel::pipeline p{keel::fallback([](const keel::failure&) { return 0; })};
#endif
    return p([] { return 1; });
}
