// SPDX-License-Identifier: BSL-1.0
// expect: hedge runs attempts at the same time, which one ticket can't: begin a ticket for each, or use
// expect: co_await keel::async(p, f)
#include <keel/keel.hpp>

void call() {
#if defined(MISTAKE)
    keel::pipeline p{keel::hedge | keel::breaker<>};
#else
    keel::pipeline p{keel::retry<> | keel::breaker<>};
#endif
    auto t = p.begin();
    t.success();
}
