// SPDX-License-Identifier: BSL-1.0
#include "support/hand_driven.hpp"
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/pipeline.hpp>
#include <keel/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::ending;

namespace {
using circuit = support::hand_driven<consecutive_failures>;
keel::breaker_config<consecutive_failures> opens_at_once(keel::nanos open_for, keel::open_period_growth growth) {
    return {.window = {.failures = 1}, .open_for = open_for, .half_open_calls = 1, .growth = growth};
}
/// How long an open circuit refuses, found by halving.
keel::nanos refuses_for(circuit& c) {
    const auto begin = c.clock.now();
    std::int64_t refused = 0, over = keel::nanos(24h * 365 * 2).count + 1;
    while (over - refused > 1) {
        const std::int64_t middle = refused + (over - refused) / 2;
        keel::call call;
        call.turn_at(begin + keel::nanos(middle));
        (c.circuit.try_refuse(call).granted() ? over : refused) = middle;
    }
    return keel::nanos(over);
}
} // namespace

TEST_CASE("an open circuit refuses until its period has passed, exactly, and calls nothing") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<consecutive_failures>({.window = {.failures = 1}, .open_for = 10s}), clock};
    p(support::bad);
    CHECK(p.circuit().state() == circuit_state::open);
    int calls = 0;
    const auto count = [&]() -> support::result { return ++calls; };
    clock.advance(10s - 1ns);
    CHECK(p(count).error() == support::refused);
    CHECK(calls == 0);
    CHECK(p.circuit().state() == circuit_state::open);
    clock.advance(1ns);
    CHECK(p.circuit().state() == circuit_state::open); // until a call finds that its period is over
    CHECK(p(count).has_value());
    CHECK(calls == 1);
    CHECK(p.circuit().state() == circuit_state::half_open);
}

TEST_CASE("an open circuit is refusing exactly while it would admit nobody") {
    circuit c(opens_at_once(10s, {}));
    CHECK(!c.refuses());
    c.fail();
    CHECK(refuses_for(c) == keel::nanos(10s));
}

TEST_CASE("an open circuit drops the results of calls that were let through before it opened") {
    for (const auto e : {ending::succeeded, ending::failed, ending::ignored}) {
        circuit c(opens_at_once(10s, {.jitter = 0}));
        const auto early = c.ask();
        c.fail();
        c.clock.advance(5s);
        c.end(*early, e);
        CHECK(c.state() == circuit_state::open);
        CHECK(refuses_for(c) == keel::nanos(5s));
    }
}

TEST_CASE("an open circuit stays open while the clock stands still, and refuses no longer when it leaps") {
    circuit c(opens_at_once(10s, {}));
    c.fail();
    for (int i = 0; i < 1000; ++i)
        REQUIRE(!c.ask());
    c.clock.advance(24h * 365 * 4);
    CHECK(c.ask());
}

TEST_CASE("an open circuit refuses a call that read the clock before it opened") {
    for (const auto earlier : {keel::nanos(1), keel::nanos(1us), keel::nanos(50s)}) {
        circuit c(opens_at_once(10s, {.jitter = 0}), 100s);
        keel::call early;
        early.turn_at(c.clock.now());
        c.clock.advance(earlier);
        c.fail();
        keel::circuit_permit p;
        CHECK(!c.circuit.try_refuse(early).granted());
        CHECK(!c.circuit.admit(p, early).granted());
        CHECK(c.state() == circuit_state::open);
    }
}

TEST_CASE("the shortest and the longest open period are exact to the nanosecond") {
    for (const auto period : {keel::nanos(1), keel::nanos(24h * 365)}) {
        circuit c(opens_at_once(period, {.cap = 24h * 365}), 24h * 365 * 30);
        c.fail();
        CHECK(refuses_for(c) == period);
    }
}

TEST_CASE("the open period grows with each re-trip up to its cap, and shrinks back once the circuit has closed") {
    circuit c(opens_at_once(1s, {.factor = 2, .cap = 5s, .jitter = 0}));
    for (int round = 0; round < 2; ++round) {
        c.fail();
        for (const auto period : {1s, 2s, 4s, 5s, 5s}) {
            CHECK(refuses_for(c) == keel::nanos(period));
            c.clock.advance(period);
            CHECK(c.fail());
        }
        c.clock.advance(5s);
        CHECK(c.succeed());
        CHECK(c.state() == circuit_state::closed);
    }
}

TEST_CASE("the open period neither overflows nor falls after any number of re-trips") {
    circuit c(opens_at_once(1s, {.factor = 100, .cap = 24h * 365, .jitter = 0}));
    c.fail();
    keel::nanos before{};
    for (int i = 0; i < 100; ++i) {
        const keel::nanos period = refuses_for(c);
        CHECK(period >= before);
        CHECK(period <= keel::nanos(24h * 365));
        before = period;
        c.clock.advance(period);
        REQUIRE(c.fail());
    }
    CHECK(before == keel::nanos(24h * 365));
}

TEST_CASE("the first open period is exact, and jitter only makes the later ones longer, by its share at most") {
    keel::thread_random().seed(1);
    circuit c(opens_at_once(1s, {.jitter = 0.5}));
    c.fail();
    CHECK(refuses_for(c) == keel::nanos(1s));
    c.clock.advance(1s);
    c.fail();
    keel::nanos shortest = keel::nanos::max(), longest{};
    for (int i = 0; i < 500; ++i) {
        const keel::nanos period = refuses_for(c);
        shortest = std::min(shortest, period);
        longest = std::max(longest, period);
        c.clock.advance(period);
        REQUIRE(c.fail());
    }
    CHECK(shortest >= keel::nanos(1s));
    CHECK(shortest < keel::nanos(1010ms));
    CHECK(longest > keel::nanos(1490ms));
    CHECK(longest <= keel::nanos(1500ms));
}
