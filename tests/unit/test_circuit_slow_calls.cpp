// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/hand_driven.hpp"
#include "support/lanes.hpp"

#include <keel/breaker.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::ending;
using keel::transition_cause;
using support::slow_above_100ms;

TEST_CASE_TEMPLATE("a call that takes as long as the limit is not slow, and one nanosecond longer is", L,
                   ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(2), 1000s);
    c.takes(100ms), c.takes(100ms), c.takes(0ms);
    CHECK(c.circuit.stats().totals.slow == 0);
    c.circuit.reset();
    c.takes(100ms + 1ns);
    CHECK(c.circuit.stats().totals.slow == 1);
    CHECK(c.circuit.stats().totals.successes == 1);
    CHECK(c.state() == circuit_state::closed);
    c.takes(100ms + 1ns);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a call is slow also once the circuit has left its warm-up", L, ON_ALL_LANES) {
    using window = typename L::window;
    typename L::circuit c(slow_above_100ms<window>(2, window::by_rate ? 0.5 : 1), 1000s);
    c.takes(0ms), c.takes(0ms), c.takes(0ms);
    c.takes(101ms);
    CHECK(c.circuit.stats().totals.slow == 1);
    CHECK(c.state() == circuit_state::closed);
    c.takes(101ms);
    CHECK(c.state() == (window::by_rate ? circuit_state::closed : circuit_state::open));
    c.takes(101ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("slow calls trip a circuit at their rate and not below it, and are the cause in its log", L,
                   BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(4, 0.5), 1000s);
    c.takes(101ms), c.takes(1ms), c.takes(1ms), c.takes(1ms);
    CHECK(c.state() == circuit_state::closed);
    c.takes(101ms);
    CHECK(c.state() == circuit_state::closed); // 2 of 5
    c.takes(101ms);
    CHECK(c.state() == circuit_state::open); // 3 of 6
    CHECK(c.circuit.log().entries[0].cause == transition_cause::slow_calls);
    CHECK(c.circuit.stats().slow_rate == 0.5);
    CHECK(c.circuit.stats().failure_rate == 0);
}

TEST_CASE_TEMPLATE("a success trips a circuit of slow calls by making up the minimum", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(4, 0.5), 1000s);
    c.takes(101ms), c.takes(101ms), c.takes(1ms);
    CHECK(c.state() == circuit_state::closed);
    c.takes(1ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a slow failure counts once as a call, as failed and as slow", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(10), 1000s);
    c.takes(101ms, ending::failed);
    c.takes(101ms);
    c.takes(1ms, ending::failed);
    const auto s = c.circuit.stats();
    CHECK(s.window.calls == 3);
    CHECK(s.window.failed == 2);
    CHECK(s.window.slow == 2);
    CHECK(s.window.slow_failed == 1);
    CHECK(s.totals.calls == 3);
    CHECK(s.totals.failures == 2);
    CHECK(s.totals.slow == 2);
    CHECK(s.totals.successes == 1);
}

TEST_CASE_TEMPLATE("where both rates are reached the failures are the cause", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(2), 1000s);
    c.takes(101ms, ending::failed), c.takes(101ms, ending::failed);
    CHECK(c.state() == circuit_state::open);
    CHECK(c.circuit.log().entries[0].cause == transition_cause::failures);
}

TEST_CASE_TEMPLATE("a slow call that is ignored is not slow", L, ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(1), 1000s);
    for (int i = 0; i < 5; ++i)
        CHECK(c.takes(1h, ending::ignored));
    CHECK(c.circuit.stats().totals.slow == 0);
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE_TEMPLATE("slow probes open a half-open circuit again, and are the cause in its log", L, ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(2);
    config.half_open_calls = 2;
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    c.takes(100ms), c.takes(100ms);
    CHECK(c.state() == circuit_state::closed);
    c.circuit.half_open();
    c.takes(101ms);
    if (L::window::by_rate) {
        CHECK(c.state() == circuit_state::half_open);
        CHECK(c.circuit.stats().window.slow == 1);
        CHECK(c.circuit.stats().slow_rate == 1);
        c.takes(101ms);
    }
    CHECK(c.state() == circuit_state::open);
    const keel::circuit_log log = c.circuit.log();
    CHECK(log.entries[log.size - 1].cause == transition_cause::slow_calls);
    CHECK(c.circuit.stats().totals.slow == (L::window::by_rate ? 2 : 1));
    c.clock.advance(10s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE_TEMPLATE("slow probes below their rate close a half-open circuit", L, BY_RATE_ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(4, 0.5);
    config.half_open_calls = 4;
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    c.takes(101ms), c.takes(1ms), c.takes(1ms), c.takes(1ms);
    CHECK(c.state() == circuit_state::closed);
    c.circuit.half_open();
    c.takes(101ms), c.takes(1ms), c.takes(1ms), c.takes(101ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a probe that fails slowly counts in both of its rates", L, BY_RATE_ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(3);
    config.half_open_calls = 3;
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    c.takes(101ms, ending::failed);
    c.takes(101ms);
    const auto s = c.circuit.stats();
    CHECK(s.window.calls == 2);
    CHECK(s.window.failed == 1);
    CHECK(s.window.slow == 2);
    CHECK(s.window.slow_failed == 1);
    CHECK(s.totals.failures == 1);
    CHECK(s.totals.successes == 1);
    CHECK(s.totals.slow == 2);
}

TEST_CASE("a slow call counts as a failure in a row, and does not end one") {
    support::hand_driven<consecutive_failures> c(slow_above_100ms<consecutive_failures>(3), 1000s);
    c.takes(101ms), c.takes(1ms, ending::failed), c.takes(1ms);
    c.takes(101ms), c.takes(1ms, ending::failed);
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().window.failed == 2);
    c.takes(101ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a call is not slow where there is no limit, however long it takes", L, ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(1);
    config.slow_call.longer_than = keel::never;
    typename L::circuit c(config, 1000s);
    for (int i = 0; i < 20; ++i)
        CHECK(c.takes(24h * 365));
    CHECK(c.circuit.stats().totals.slow == 0);
    CHECK(c.state() == circuit_state::closed);
    c.circuit.half_open();
    CHECK(c.takes(24h * 365));
    CHECK(c.circuit.stats().totals.slow == 0);
}

TEST_CASE_TEMPLATE("a call is not slow when the clock stands still or goes back meanwhile", L, ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(1), 1000s);
    for (const auto by : {0ns, -1ns, -1'000'000'000ns, -3'600'000'000'000ns})
        CHECK(c.takes(by));
    CHECK(c.circuit.stats().totals.slow == 0);
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE_TEMPLATE("the longest limit that may be set is exact too", L, ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(1);
    config.slow_call.longer_than = keel::longest;
    typename L::circuit c(config, 1000s);
    CHECK(c.takes(keel::longest));
    CHECK(c.state() == circuit_state::closed);
    c.circuit.close();
    CHECK(c.takes(std::chrono::nanoseconds(keel::longest) + 1ns));
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a circuit that only keeps metrics counts slow calls and does not open", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(1), 1000s);
    c.circuit.metrics_only();
    c.takes(101ms), c.takes(101ms), c.takes(1ms);
    CHECK(c.state() == circuit_state::metrics_only);
    CHECK(c.circuit.stats().window.slow == 2);
    CHECK(c.circuit.stats().window.calls == 3);
}
