// SPDX-License-Identifier: BSL-1.0

// A pipeline's clock is a template parameter: `cached_clock`, which an event loop or a thread advances, where reading
// the time must cost next to nothing, and `manual_clock` in tests.

#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <expected>
#include <system_error>
#include <thread>

using namespace std::chrono_literals;
using answer = std::expected<int, std::error_code>;

int main() {
    // cached_clock is one atomic that an event loop updates once per turn ...
    keel::pipeline fast{keel::timeout(1s), keel::cached_clock{}};
    keel::cached_clock::update();
    const keel::time_point before = keel::cached_clock::now();
    assert(fast([] { return 42; }) == 42);
    assert(keel::cached_clock::now() == before); // nobody has updated it

    // ... or a thread, for as long as the ticker lives.
    {
        const keel::ticker ticker{1ms};
        while (keel::cached_clock::now() == before)
            std::this_thread::yield();
    }

    // manual_clock moves when it is told to, and its sleeps return at once. Copies share their time.
    keel::manual_clock time;
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) | keel::timeout(50ms),
                     time};
    const answer late = p([&]() -> answer {
        time.advance(51ms);
        return 42;
    });
    assert(!late && late.error() == keel::errc::timed_out);
    assert(p.circuit().state() == keel::circuit_state::open);

    time.advance(30s); // the open period is over: the next calls are probes
    for (int probe = 0; probe < 3; ++probe)
        assert(p([]() -> answer { return 42; }).has_value());
    assert(p.circuit().state() == keel::circuit_state::closed);
}
