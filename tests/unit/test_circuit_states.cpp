// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/circuit_states.hpp"
#include "support/lanes.hpp"
#include "support/results.hpp"
#include "support/zero_counts.hpp"

#include <keel/breaker.hpp>
#include <keel/pipeline.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::ending;
using keel::sliding_time_window;
using keel::sliding_window;
using keel::transition_cause;
using support::all_endings;
using support::all_states;
using support::check_zero;
using support::put_in;
using support::trips_at;

TEST_CASE_TEMPLATE("every state can be entered by hand from every state", L, ON_ALL_LANES) {
    for (const circuit_state from : all_states) {
        for (const circuit_state to : all_states) {
            CAPTURE(std::string(name(from)));
            CAPTURE(std::string(name(to)));
            auto c = L::make();
            put_in(c.circuit, from);
            REQUIRE(c.state() == from);
            c.clock.advance(3s);
            put_in(c.circuit, to);
            CHECK(c.state() == to);
            CHECK(c.circuit.stats().since == c.clock.now());
            const keel::circuit_log log = c.circuit.log();
            REQUIRE(log.size == 2);
            CHECK(log.entries[1].from == from);
            CHECK(log.entries[1].to == to);
            CHECK(log.entries[1].cause == transition_cause::by_hand);
            CHECK(log.entries[1].at == c.clock.now());
        }
    }
}

TEST_CASE_TEMPLATE("a reset closes from every state", L, ON_ALL_LANES) {
    for (const circuit_state from : all_states) {
        auto c = L::make();
        put_in(c.circuit, from);
        c.circuit.reset();
        CHECK(c.state() == circuit_state::closed);
        CHECK(c.circuit.stats().totals.opens == 0);
        CHECK(c.fail());
        CHECK(c.state() == circuit_state::open);
    }
}

TEST_CASE_TEMPLATE("each ending of a call leaves each state as the table says", L, ON_ALL_LANES) {
    struct row {
        circuit_state in;
        bool admitted;
        circuit_state after_success, after_failure, after_ignored;
    };
    using enum circuit_state;
    constexpr row table[] = {
        {closed, true, closed, open, closed},           {open, false, open, open, open},
        {half_open, true, closed, open, half_open},     {forced_open, false, forced_open, forced_open, forced_open},
        {disabled, true, disabled, disabled, disabled}, {metrics_only, true, metrics_only, metrics_only, metrics_only},
    };
    for (const row& r : table) {
        for (const ending e : all_endings) {
            CAPTURE(std::string(name(r.in)));
            auto c = L::make();
            put_in(c.circuit, r.in);
            CHECK(c.run(e) == r.admitted);
            CHECK(c.state() == (e == ending::succeeded ? r.after_success
                                : e == ending::failed  ? r.after_failure
                                                       : r.after_ignored));
        }
    }
}

TEST_CASE_TEMPLATE("time alone ends an open period and nothing else", L, ON_ALL_LANES) {
    for (const circuit_state s : all_states) {
        CAPTURE(std::string(name(s)));
        auto c = L::make(2, 2);
        put_in(c.circuit, s);
        c.clock.advance(10s - 1ns);
        CHECK(c.ask().has_value() == (s != circuit_state::open && s != circuit_state::forced_open));
        CHECK(c.state() == s);
        c.clock.advance(1ns);
        CHECK(c.state() == s);
        CHECK(c.ask().has_value() == (s != circuit_state::forced_open));
        CHECK(c.state() == (s == circuit_state::open ? circuit_state::half_open : s));
        c.clock.advance(24h * 365);
        CHECK(c.ask().has_value() == (s != circuit_state::forced_open));
    }
}

TEST_CASE_TEMPLATE("a circuit opened by hand refuses as long as one that has just tripped", L, ON_ALL_LANES) {
    for (const circuit_state from : all_states) {
        auto c = L::make();
        put_in(c.circuit, from);
        c.clock.advance(7s);
        c.circuit.open();
        c.clock.advance(10s - 1ns);
        CHECK(!c.ask());
        c.clock.advance(1ns);
        CHECK(c.succeed());
        CHECK(c.state() == circuit_state::closed);
    }
}

TEST_CASE_TEMPLATE("an open period may be longer than the cap of a growth that is off", L, ON_ALL_LANES) {
    auto config = trips_at<typename L::window>(1);
    config.open_for = 72h;
    config.growth = {.factor = 1, .cap = 1h, .jitter = 0};
    typename L::circuit c(config, 1000s);
    c.circuit.open();
    CHECK(!c.ask());
    c.clock.advance(72h - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE_TEMPLATE("a success in a circuit past its warm-up needs the cold lane neither to begin nor to end", W,
                   sliding_window, sliding_time_window, consecutive_failures) {
    auto c = support::on_lane<W, true>::make(3, 3);
    for (int i = 0; i < 5; ++i)
        c.succeed();
    keel::circuit_permit p;
    keel::call call{keel::clock_ref(c.clock)};
    CHECK(c.circuit.try_admit(p, call, c.circuit.config()));
    CHECK(c.circuit.try_success(p, call, c.circuit.config()));
}

TEST_CASE_TEMPLATE("a circuit made half-open by hand lets out as many probes as it may, at once", L, ON_ALL_LANES) {
    auto c = L::make(3, 3);
    // Twice: the probes of the first time are of no account the second time.
    for (int i = 0; i < 2; ++i) {
        c.circuit.half_open();
        for (int k = 0; k < 3; ++k)
            CHECK(c.ask());
        CHECK(!c.ask());
    }
}

TEST_CASE_TEMPLATE("a circuit closed by hand counts from the start", L, ON_ALL_LANES) {
    auto c = L::make(3);
    c.fail(), c.fail();
    c.circuit.close();
    c.fail(), c.fail();
    CHECK(c.state() == circuit_state::closed);
    c.fail();
    CHECK(c.state() == circuit_state::open);
    c.circuit.metrics_only();
    for (int i = 0; i < 10; ++i)
        c.fail();
    c.circuit.close();
    c.fail(), c.fail();
    CHECK(c.state() == circuit_state::closed);
    c.fail();
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("every call by hand makes the next open period the first of its kind", L, ON_ALL_LANES) {
    auto config = trips_at<typename L::window>(1);
    config.growth = {.factor = 10, .cap = 24h, .jitter = 0};
    for (const circuit_state by_way_of : all_states) {
        if (by_way_of == circuit_state::forced_open) continue; // no call gets through to open it
        CAPTURE(std::string(name(by_way_of)));
        typename L::circuit c(config, 1000s);
        c.fail();
        c.clock.advance(10s);
        c.fail();
        c.clock.advance(10s);
        REQUIRE(!c.ask()); // has grown
        put_in(c.circuit, by_way_of);
        if (by_way_of == circuit_state::closed)
            c.fail();
        else if (by_way_of != circuit_state::open)
            c.circuit.open();
        REQUIRE(c.state() == circuit_state::open);
        c.clock.advance(10s - 1ns);
        CHECK(!c.ask());
        c.clock.advance(1ns);
        CHECK(c.ask());
    }
}

TEST_CASE_TEMPLATE("a probe that fails after half-open by hand is the first re-trip", L, ON_ALL_LANES) {
    auto config = trips_at<typename L::window>(1);
    config.growth = {.factor = 3, .cap = 24h, .jitter = 0};
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    c.fail();
    c.clock.advance(30s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE_TEMPLATE("a disabled circuit lets everything pass and counts nothing", L, ON_ALL_LANES) {
    auto c = L::make();
    c.circuit.disable();
    for (const ending e : all_endings) {
        for (int i = 0; i < 50; ++i)
            REQUIRE(c.run(e));
    }
    const auto s = c.circuit.stats();
    check_zero(s.window);
    check_zero(s.totals);
    CHECK(s.rejected == 0);
}

TEST_CASE_TEMPLATE("a circuit that only keeps metrics counts and never opens", L, ON_ALL_LANES) {
    auto c = L::make(3);
    c.circuit.metrics_only();
    for (int i = 0; i < 50; ++i)
        REQUIRE(c.fail());
    REQUIRE(c.run(ending::ignored));
    CHECK(c.state() == circuit_state::metrics_only);
    CHECK(c.circuit.stats().window.failed == 50);
    CHECK(c.circuit.stats().totals.failures == 50);
    CHECK(c.circuit.stats().totals.ignored == 1);
    CHECK(c.circuit.stats().failure_rate == 1);
    CHECK(c.circuit.log().size == 1);
}

TEST_CASE_TEMPLATE("a forced-open circuit refuses on either lane, and counts what it refuses", L, ON_ALL_LANES) {
    auto c = L::make();
    c.circuit.force_open();
    for (int i = 0; i < 7; ++i)
        REQUIRE(!c.ask());
    CHECK(!c.refuses()); // the cold lane does
    CHECK(c.circuit.stats().totals.rejected == 7);
    CHECK(c.circuit.stats().totals.opens == 1);
}

TEST_CASE("a pipeline calls nothing while its circuit is forced open, and everything while it is disabled") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<consecutive_failures>({.window = {.failures = 1}}), clock};
    int calls = 0;
    const auto fails = [&]() -> support::result { return ++calls, support::bad(); };
    p.circuit().force_open();
    for (int i = 0; i < 3; ++i)
        CHECK(p(fails).error() == support::refused);
    CHECK(calls == 0);
    p.circuit().disable();
    for (int i = 0; i < 3; ++i)
        CHECK(p(fails).error() == std::errc::io_error);
    CHECK(calls == 3);
    p.circuit().close();
    p(fails);
    CHECK(p.circuit().state() == circuit_state::open);
}

TEST_CASE("states and causes are named as they are written") {
    using namespace std::string_view_literals;
    CHECK(name(circuit_state::closed) == "closed"sv);
    CHECK(name(circuit_state::open) == "open"sv);
    CHECK(name(circuit_state::half_open) == "half_open"sv);
    CHECK(name(circuit_state::forced_open) == "forced_open"sv);
    CHECK(name(circuit_state::disabled) == "disabled"sv);
    CHECK(name(circuit_state::metrics_only) == "metrics_only"sv);
    CHECK(name(static_cast<circuit_state>(99)) == "unknown"sv);
    CHECK(name(transition_cause::failures) == "failures"sv);
    CHECK(name(transition_cause::slow_calls) == "slow_calls"sv);
    CHECK(name(transition_cause::open_period_over) == "open_period_over"sv);
    CHECK(name(transition_cause::probes_succeeded) == "probes_succeeded"sv);
    CHECK(name(transition_cause::by_hand) == "by_hand"sv);
    CHECK(name(static_cast<transition_cause>(99)) == "unknown"sv);
}
