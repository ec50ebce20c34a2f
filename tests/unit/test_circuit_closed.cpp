// SPDX-License-Identifier: BSL-1.0
#include "support/hand_driven.hpp"
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::ending;
using keel::sliding_window;

TEST_CASE("a closed circuit trips at its rate once it holds the minimum, and a success can trip it") {
    support::hand_driven<sliding_window> c({.window = {.calls = 20}, .failure_rate = 0.5, .minimum_calls = 10});
    for (int i = 0; i < 9; ++i)
        CHECK(c.fail());
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.succeed());
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("a closed circuit lets any number of calls through at once, and counts each when it ends") {
    support::hand_driven<sliding_window> c({.window = {.calls = 4}, .failure_rate = 1, .minimum_calls = 4});
    std::vector<support::hand_driven<sliding_window>::permit> out;
    for (int i = 0; i < 100; ++i)
        out.push_back(c.ask().value());
    for (int i = 0; i < 3; ++i)
        c.fail(out[static_cast<std::size_t>(99 - i)]);
    CHECK(c.state() == circuit_state::closed);
    c.fail(out[0]);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("a closed circuit does not count what is ignored") {
    support::hand_driven<sliding_window> c({.window = {.calls = 4}, .failure_rate = 0.5, .minimum_calls = 2});
    for (int i = 0; i < 100; ++i)
        CHECK(c.run(ending::ignored));
    c.fail();
    for (int i = 0; i < 100; ++i)
        c.run(ending::ignored);
    CHECK(c.state() == circuit_state::closed);
    c.succeed();
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("a circuit that has closed again counts from the start") {
    support::hand_driven<sliding_window> c(
        {.window = {.calls = 10}, .failure_rate = 0.5, .minimum_calls = 4, .open_for = 1s, .half_open_calls = 1});
    for (int i = 0; i < 4; ++i)
        c.fail();
    c.clock.advance(1s);
    CHECK(c.succeed());
    CHECK(c.state() == circuit_state::closed);
    // Neither the failures before nor the probe count: three are too few.
    for (int i = 0; i < 3; ++i)
        c.fail();
    CHECK(c.state() == circuit_state::closed);
    c.fail();
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("a closed circuit is opened by the result that reaches the rate, at the time of that result") {
    support::hand_driven<keel::consecutive_failures> c({.window = {.failures = 1}, .open_for = 10s});
    const auto p = c.ask();
    c.clock.advance(1h);
    c.fail(*p);
    CHECK(c.state() == circuit_state::open);
    c.clock.advance(10s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE("a pipeline shared by threads loses no call, and trips once they all fail") {
    keel::pipeline p{keel::timeout | keel::retry<>({.attempts = 1}) | keel::breaker<sliding_window>};
    std::atomic<int> calls{0};
    const auto by_eight_threads = [&](int each, auto f) {
        std::vector<std::jthread> running;
        for (int t = 0; t < 8; ++t) {
            running.emplace_back([&p, each, f] {
                for (int i = 0; i < each; ++i)
                    static_cast<void>(p(f));
            });
        }
    };
    by_eight_threads(2000, [&]() -> support::result {
        calls.fetch_add(1, std::memory_order_relaxed);
        return 1;
    });
    CHECK(calls == 16'000);
    CHECK(p.circuit().state() == circuit_state::closed);
    by_eight_threads(200, support::bad);
    CHECK(p.circuit().state() == circuit_state::open);
}
