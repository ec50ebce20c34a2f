// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/hand_driven.hpp"
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/pipeline.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::ending;

namespace {
using by_count = keel::basic_sliding_window<{.count_overdue = true}>;
using by_time = keel::basic_sliding_time_window<{.count_overdue = true}>;
using in_a_row = keel::basic_consecutive_failures<{.count_overdue = true}>;

/// Trips when ten calls are slow.
template <class Window>
constexpr keel::breaker_config<Window> ten_slow() {
    keel::breaker_config<Window> c{};
    c.slow_call.longer_than = 800ms;
    c.growth.jitter = 0;
    if constexpr (Window::by_rate) {
        c.minimum_calls = 10;
        c.slow_call.rate = 0.5;
    } else {
        c.window.failures = 10;
    }
    return c;
}

/// A circuit and calls that hang.
template <class Window, bool Express>
struct hanging : support::hand_driven<Window, Express> {
    using base = support::hand_driven<Window, Express>;
    std::vector<typename base::permit> calls;

    explicit hanging(const keel::breaker_config<Window>& c = ten_slow<Window>())
      : base(c) {}
    void hang(int n) {
        for (int i = 0; i < n; ++i)
            calls.push_back(this->ask().value());
    }
};

using count_express = hanging<by_count, true>;
using count_cold = hanging<by_count, false>;
using time_express = hanging<by_time, true>;
using time_cold = hanging<by_time, false>;
using row_express = hanging<in_a_row, true>;
using row_cold = hanging<in_a_row, false>;
#define EVERY_WINDOW count_express, count_cold, time_express, time_cold, row_express, row_cold
} // namespace

TEST_CASE_TEMPLATE("a callee that hangs trips the circuit though nothing ever returns", C, EVERY_WINDOW) {
    C c;
    c.hang(10);
    c.clock.advance(800ms);
    CHECK(c.ask());
    CHECK(c.state() == circuit_state::closed);
    c.clock.advance(100ms);
    CHECK(!c.ask());
    CHECK(c.state() == circuit_state::open);
    const keel::circuit_log log = c.circuit.log();
    REQUIRE(log.size == 1);
    CHECK(log.entries[0].cause == keel::transition_cause::slow_calls);
    CHECK(c.circuit.stats().totals.opens == 1);
}

TEST_CASE_TEMPLATE("fewer calls that hang do not", C, EVERY_WINDOW) {
    C c;
    c.hang(9);
    c.clock.advance(10s);
    CHECK(c.ask());
    c.clock.advance(100ms); // the tenth is not overdue
    CHECK(c.ask());
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().overdue == 9);
}

TEST_CASE_TEMPLATE("calls that end in time, or are ignored, are overdue no more", C, EVERY_WINDOW) {
    C c;
    c.hang(12);
    c.clock.advance(700ms);
    c.succeed(c.calls[0]);
    c.ignore(c.calls[1]);
    c.ignore(c.calls[2]);
    for (int i = 0; i < 20; ++i)
        c.succeed(c.ask().value());
    c.clock.advance(200ms);
    CHECK(c.ask());
    CHECK(c.circuit.stats().overdue == 9);
}

TEST_CASE_TEMPLATE("a call that was overdue counts once when it has ended", C, EVERY_WINDOW) {
    C c;
    c.hang(9);
    c.clock.advance(1s);
    CHECK(c.circuit.stats().overdue == 9);
    c.succeed(c.calls[0]);
    CHECK(c.circuit.stats().overdue == 8);
    CHECK(c.circuit.stats().totals.slow == 1);
    c.clock.advance(100ms);
    CHECK(c.ask());
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE_TEMPLATE("calls that hang since before the circuit opened trip it no second time", C, EVERY_WINDOW) {
    C c;
    c.hang(10);
    c.clock.advance(1s);
    CHECK(!c.ask());
    c.clock.advance(30s);
    for (int i = 0; i < 3; ++i)
        CHECK(c.succeed());
    REQUIRE(c.state() == circuit_state::closed);
    for (int i = 0; i < 20; ++i) {
        c.clock.advance(100ms);
        CHECK(c.succeed());
    }
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().overdue == 0);
    for (const auto& p : c.calls)
        c.fail(p);
    CHECK(c.circuit.stats().totals.late == 10);
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE_TEMPLATE("calls that hang are judged beside the results of others", C, count_express, time_cold) {
    C c;
    for (int i = 0; i < 10; ++i)
        c.succeed();
    c.hang(9);
    c.clock.advance(900ms);
    CHECK(c.succeed());
    CHECK(c.state() == circuit_state::closed); // 9 of 19
    c.hang(2);
    c.clock.advance(900ms);
    CHECK(!c.ask()); // 11 of 22
}

TEST_CASE("calls that hang take the place of the oldest results of a count window") {
    auto config = ten_slow<by_count>();
    config.window.calls = 10;
    hanging<by_count, true> c(config);
    for (int i = 0; i < 10; ++i)
        c.succeed();
    c.hang(5);
    c.clock.advance(900ms);
    CHECK(!c.ask()); // 5 of the last 10
}

TEST_CASE("failures that calls in flight bring to the minimum of calls trip as failures") {
    auto config = ten_slow<by_count>();
    config.slow_call.rate = 1;
    hanging<by_count, true> c(config);
    c.hang(1);
    for (int i = 0; i < 9; ++i)
        c.fail();
    CHECK(c.state() == circuit_state::closed);
    c.clock.advance(900ms);
    CHECK(!c.ask());
    CHECK(c.circuit.log().entries[0].cause == keel::transition_cause::failures);
}

TEST_CASE("a circuit that only counts shows what is overdue and does not trip; a disabled one counts nothing") {
    hanging<by_count, false> c;
    c.circuit.metrics_only();
    c.hang(10);
    c.clock.advance(1s);
    CHECK(c.ask());
    CHECK(c.circuit.stats().overdue == 10);
    CHECK(c.state() == circuit_state::metrics_only);
    c.circuit.disable();
    c.hang(10);
    c.clock.advance(1s);
    CHECK(c.ask());
    CHECK(c.circuit.stats().overdue == 0);
}

TEST_CASE("a clock that stands still makes nothing overdue, and one that leaps everything") {
    hanging<in_a_row, true> c;
    c.hang(10);
    for (int i = 0; i < 100; ++i)
        CHECK(c.succeed());
    c.clock.advance(24h * 365 * 50);
    CHECK(!c.ask());
}

TEST_CASE("a pipeline trips by calls under way: each waits for the one inside it") {
    keel::manual_clock clock;
    constexpr auto guard =
        keel::breaker<by_count>({.minimum_calls = 5, .slow_call = {.longer_than = 800ms, .rate = 1}, .open_for = 1h});
    keel::static_pipeline<guard, keel::manual_clock> p{clock};
    int depth = 0, refused_at = 0;
    const auto call = [&](const auto& self) -> support::result {
        ++depth;
        clock.advance(300ms);
        const support::result inner = p([&] { return self(self); });
        if (refused_at == 0 && !inner) refused_at = depth;
        return 1;
    };
    CHECK(p([&] { return call(call); }).has_value());
    // The call at 0 is overdue from 900 ms on, each further one 300 ms later, and five are needed.
    CHECK(refused_at == 7);
    CHECK(p.circuit().state() == circuit_state::open);
}

TEST_CASE("a window that counts overdue calls must be told what slow is") {
    const auto wrong = [](const keel::breaker_config<by_count>& c) {
        const keel::config_error e = c.validate();
        return e ? std::string_view(e.field) : "";
    };
    CHECK(wrong({}) == "slow_call.longer_than");
    CHECK(std::string_view(keel::breaker_config<by_count>{}.validate().range).starts_with("must be given"));
    CHECK(wrong({.slow_call = {.longer_than = 0s}}) == "slow_call.longer_than");
    CHECK(wrong({.slow_call = {.longer_than = 1ns}}) == "");
}

TEST_CASE("a circuit that calls under way trip is open for its first period, as after any other trip") {
    auto config = support::slow_above_100ms<by_count>(3);
    config.growth = {.factor = 7, .cap = 24h, .jitter = 0};
    support::hand_driven<by_count> c(config, 1000s);
    for (int i = 0; i < 3; ++i)
        REQUIRE(c.ask());
    c.clock.advance(1s);
    REQUIRE(!c.ask());
    REQUIRE(c.state() == circuit_state::open);
    c.clock.advance(10s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE(
    "an open circuit refuses though the end of its period has the bits of a generation that calls are under way in") {
    auto config = ten_slow<by_count>();
    config.open_for = keel::nanos(std::int64_t{1} << 35); // ends, like the generation, in 20 zeros
    hanging<by_count, true> c(config);
    c.hang(1);
    for (int i = 0; i < 10; ++i)
        c.fail();
    REQUIRE(c.state() == circuit_state::open);
    CHECK(!c.ask());
}

TEST_CASE("a call that finds none overdue does not trip a circuit whose successes have left the window") {
    hanging<by_time, true> c;
    for (int i = 0; i < 11; ++i)
        c.succeed();
    c.clock.advance(5s);
    for (int i = 0; i < 10; ++i)
        c.fail();
    c.clock.advance(5s);
    REQUIRE(c.circuit.stats().failure_rate == 1);
    CHECK(c.ask());
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE("a circuit that calls under way trip without a failure shows no row of an earlier generation") {
    hanging<in_a_row, true> c;
    for (int i = 0; i < 10; ++i)
        c.fail();
    REQUIRE(c.circuit.stats().window.failed == 10);
    c.clock.advance(30s);
    for (int i = 0; i < 3; ++i)
        c.succeed();
    REQUIRE(c.state() == circuit_state::closed);
    c.hang(10);
    c.clock.advance(900ms);
    CHECK(!c.ask());
    CHECK(c.state() == circuit_state::open);
    CHECK(c.circuit.stats().window.failed == 0);
}
