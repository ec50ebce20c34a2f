// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/circuit_states.hpp"
#include "support/hand_driven.hpp"
#include "support/lanes.hpp"
#include "support/zero_counts.hpp"

#include <keel/breaker.hpp>
#include <keel/circuit.hpp>
#include <keel/circuit_stats.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::sliding_time_window;
using keel::sliding_window;
using support::all_states;
using support::check_zero;
using support::put_in;
using support::trips_at;

static_assert(keel::circuit_stats{}.rejected == 0 && keel::circuit_stats{}.overdue == 0);
static_assert([](keel::circuit_totals t) {
    return (t.calls | t.successes | t.failures | t.ignored | t.slow | t.late | t.rejected | t.opens) == 0;
}({}));
static_assert([](keel::window_counts c) { return (c.calls | c.failed | c.slow | c.slow_failed) == 0; }({}));

namespace {

/// A clock that stands where the test says, also before its epoch, and that may be made in constant evaluation.
struct told_clock {
    static inline std::int64_t time = 0;
    keel::time_point now() const noexcept { return keel::time_point(std::chrono::nanoseconds(time)); }
    void sleep_until(keel::time_point) const noexcept {}
};
constinit keel::circuit<sliding_window, told_clock> static_circuit;

} // namespace

TEST_CASE_TEMPLATE("a circuit that was just made has counted nothing", L, ON_ALL_LANES) {
    const typename L::circuit c(trips_at<typename L::window>(2, 2));
    const keel::circuit_stats s = c.circuit.stats();
    CHECK(s.state == circuit_state::closed);
    CHECK(s.since == keel::time_point(0s));
    check_zero(s.window);
    CHECK(s.failure_rate == 0);
    CHECK(s.slow_rate == 0);
    CHECK(s.rejected == 0);
    CHECK(s.overdue == 0);
    check_zero(s.totals);
    CHECK(c.circuit.log().size == 0);
}

TEST_CASE_TEMPLATE("the rates of an empty window are 0 in every state", L, ON_ALL_LANES) {
    for (const circuit_state state : all_states) {
        auto c = L::make(2, 2);
        put_in(c.circuit, state);
        const keel::circuit_stats s = c.circuit.stats();
        CHECK(s.state == state);
        check_zero(s.window);
        CHECK(s.failure_rate == 0);
        CHECK(s.slow_rate == 0);
    }
}

TEST_CASE("a window of failures in a row counts failures and what it sees of successes") {
    support::hand_driven<consecutive_failures> c(trips_at<consecutive_failures>(5), 1000s);
    c.fail(), c.fail();
    CHECK(c.circuit.stats().window.calls == 2);
    CHECK(c.circuit.stats().window.failed == 2);
    CHECK(c.circuit.stats().failure_rate == 1);
    c.succeed();
    CHECK(c.circuit.stats().window.calls == 0);
    CHECK(c.circuit.stats().failure_rate == 0);
    CHECK(c.circuit.stats().totals.failures == 2);
    CHECK(c.circuit.stats().totals.successes == 1);
}

TEST_CASE("a row of failures has ended once a circuit is opened by hand") {
    support::hand_driven<consecutive_failures> c(trips_at<consecutive_failures>(5, 1));
    c.fail();
    c.fail();
    REQUIRE(c.circuit.stats().window.failed == 2);
    c.circuit.open();
    CHECK(c.circuit.stats().window.failed == 0);
}

TEST_CASE_TEMPLATE("the time since the last transition is right before the clock's epoch too", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    told_clock::time = keel::nanos(-1000s).count;
    keel::circuit<W, told_clock> c(trips_at<W>(1));
    CHECK(c.stats().since == keel::time_point(-1000s));
    told_clock::time = keel::nanos(-900s).count;
    c.try_acquire().failure();
    CHECK(c.state() == circuit_state::open);
    CHECK(c.stats().since == keel::time_point(-900s));
    CHECK(c.stats().window.failed == 1);
    told_clock::time = keel::nanos(-890s).count;
    CHECK(c.try_acquire());
    CHECK(c.stats().since == keel::time_point(-890s));
    CHECK(c.log().entries[0].at == keel::time_point(-900s));
    CHECK(c.log().entries[1].at == keel::time_point(-890s));
}

TEST_CASE("a circuit that was made before the program began says so, until its first transition") {
    told_clock::time = 5;
    CHECK(static_circuit.stats().since == keel::time_point::min());
    static_circuit.close();
    CHECK(static_circuit.stats().since == keel::time_point(5ns));
}

TEST_CASE_TEMPLATE("the time since which a state holds is that of the last transition, and not of the last call", L,
                   ON_ALL_LANES) {
    auto c = L::make(2, 2);
    CHECK(c.circuit.stats().since == keel::time_point(0s)); // before the clock was set
    c.fail();
    c.clock.advance(1s);
    c.fail();
    CHECK(c.circuit.stats().since == keel::time_point(1001s));
    c.clock.advance(4s);
    c.ask();
    CHECK(c.circuit.stats().since == keel::time_point(1001s));
    c.clock.advance(6s);
    c.succeed();
    CHECK(c.circuit.stats().since == keel::time_point(1011s));
    c.clock.advance(1s);
    c.succeed();
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().since == keel::time_point(1012s));
}

TEST_CASE_TEMPLATE("rejections are counted since the last transition, and altogether", L, ON_ALL_LANES) {
    auto c = L::make(1, 2);
    c.fail();
    c.ask(), c.ask();
    CHECK(c.refuses());
    CHECK(c.circuit.stats().rejected == 3);
    CHECK(c.circuit.stats().totals.rejected == 3);
    c.clock.advance(10s);
    const auto first = c.ask(), second = c.ask();
    CHECK(second);
    CHECK(c.circuit.stats().rejected == 0);
    c.ask();
    CHECK(c.circuit.stats().rejected == 1);
    CHECK(c.circuit.stats().totals.rejected == 4);
    c.succeed(*first), c.succeed(*second);
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().rejected == 0);
    c.circuit.force_open();
    c.ask();
    CHECK(c.circuit.stats().rejected == 1);
    CHECK(c.circuit.stats().totals.rejected == 5);
    c.circuit.force_open();
    CHECK(c.circuit.stats().rejected == 0);
    CHECK(c.circuit.stats().totals.rejected == 5);
}

TEST_CASE_TEMPLATE("a circuit shows what its window holds in each state", L, BY_RATE_ON_ALL_LANES) {
    auto c = L::make(2, 2);
    const auto shows = [&](std::uint64_t calls, std::uint64_t failed) {
        const keel::circuit_stats s = c.circuit.stats();
        CHECK(s.window.calls == calls);
        CHECK(s.window.failed == failed);
        CHECK(s.failure_rate == (calls == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(calls)));
    };
    c.fail();
    shows(1, 1);
    c.fail();
    REQUIRE(c.state() == circuit_state::open);
    shows(2, 2); // what tripped it
    c.clock.advance(10s);
    const auto p = c.ask();
    REQUIRE(c.state() == circuit_state::half_open);
    shows(0, 0); // of probes
    c.succeed();
    shows(1, 0);
    c.fail(*p);
    REQUIRE(c.state() == circuit_state::closed);
    shows(0, 0);
    c.succeed(), c.fail();
    shows(2, 1);
    c.circuit.metrics_only();
    shows(0, 0);
    c.fail(), c.fail(), c.fail(), c.succeed();
    shows(4, 3);
    c.circuit.disable();
    c.fail();
    shows(0, 0);
    c.circuit.force_open();
    shows(0, 0);
    c.circuit.open();
    shows(0, 0);
}

TEST_CASE_TEMPLATE("failed probes of a half-open circuit are shown with their rate", L, BY_RATE_ON_ALL_LANES) {
    auto config = trips_at<typename L::window>(4);
    config.half_open_calls = 4;
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    c.fail(), c.succeed(), c.fail();
    const keel::circuit_stats s = c.circuit.stats();
    CHECK(s.window.calls == 3);
    CHECK(s.window.failed == 2);
    CHECK(s.failure_rate == 2.0 / 3.0);
}
