// SPDX-License-Identifier: BSL-1.0
// expect: has_exceptions
// flags: -fno-exceptions
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
int answer() { return p([] { return 42; }); }
#else
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
int answer() { return p.attempt([] { return 42; }).value_or(0); }
#endif
