// SPDX-License-Identifier: BSL-1.0
// expect: attemptable
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout};
int answer() { return p([](keel::context&) { return 42; }); }
#else
keel::pipeline p{keel::timeout};
int answer() { return p([](const keel::context&) { return 42; }); }
#endif
