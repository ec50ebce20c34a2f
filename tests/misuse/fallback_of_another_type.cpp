// SPDX-License-Identifier: BSL-1.0
// expect: keel: the fallback's value is not what the guarded function returns
#include <keel/keel.hpp>

keel::pipeline p{keel::fallback(0)};
#if defined(MISTAKE)
void get() {
    p([] {});
}
#else
int get() {
    return p([] { return 1; });
}
#endif
