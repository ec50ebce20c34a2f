// SPDX-License-Identifier: BSL-1.0
// expect-gcc: no match for call to
// expect-clang: does not provide a call operator
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::timeout | keel::retry<keel::exp_jitter>;
int answer() { return c([] { return 42; }); }
#else
constexpr auto c = keel::timeout | keel::retry<keel::exp_jitter>;
int answer() {
    keel::pipeline p{c};
    return p([] { return 42; });
}
#endif
