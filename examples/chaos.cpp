// SPDX-License-Identifier: BSL-1.0

// A drill: the callee hangs, and the pipeline shows what it makes of that. Callers wait for their deadline a few times,
// then the circuit opens and they have the spare answer at once; when the drill is over, all is as before.

#include <keel/keel.hpp>

#include <atomic>
#include <cassert>
#include <chrono>

using namespace std::chrono_literals;

namespace {
std::atomic<bool> drill{false};

constexpr int spare = -1;
constexpr auto chain = keel::fallback(spare) | keel::timeout(100ms) |
                       keel::breaker<keel::consecutive_failures>({.window = {.failures = 3}, .open_for = 10s}) |
                       keel::chaos({.rate = 1, .enabled = &drill}).latency(1h);
} // namespace

int main() {
    keel::manual_clock time; // no drill in earnest: waits return at once and advance it
    keel::static_pipeline<chain, keel::manual_clock> guard{time};
    const auto fetch = [] { return 42; };
    assert(guard(fetch) == 42);

    drill = true;
    const auto began = time.now();
    for (int i = 0; i < 100; ++i)
        assert(guard(fetch) == spare);
    assert(guard.circuit().state() == keel::circuit_state::open);
    assert(time.now() - began == 3 * 100ms); // and not 100 times as long

    drill = false;
    assert(guard(fetch) == spare); // not before `open_for` has passed
    time.advance(11s);
    assert(guard(fetch) == 42);
}
