// SPDX-License-Identifier: BSL-1.0
// expect: hedge runs attempts at the same time, which a blocking call can't: use `co_await
// expect: keel::async(p, f)` of keel/adapt/asio.hpp, or `retry`
#include <keel/keel.hpp>

int answer() {
#if defined(MISTAKE)
    keel::pipeline p{keel::hedge | keel::breaker<>};
#else
    keel::pipeline p{keel::retry<> | keel::breaker<>};
#endif
    return p([] { return 42; });
}
