// SPDX-License-Identifier: BSL-1.0
// expect: attemptable
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
int answer() { return p([](int i) { return i; }); }
#else
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
int answer() { return p.wrap([](int i) { return i; })(42); }
#endif
