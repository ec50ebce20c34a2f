// SPDX-License-Identifier: BSL-1.0
#include "support/hand_driven.hpp"
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/pipeline.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::ending;
using keel::sliding_time_window;
using keel::sliding_window;
using keel::transition_cause;

namespace {

constexpr circuit_state all_states[] = {circuit_state::closed,    circuit_state::open,
                                        circuit_state::half_open, circuit_state::forced_open,
                                        circuit_state::disabled,  circuit_state::metrics_only};
constexpr ending all_endings[] = {ending::succeeded, ending::failed, ending::ignored};

/// A window, and whether calls take the express lane where it takes them.
template <class Window, bool Express>
struct on_lane {
    using circuit = support::hand_driven<Window, Express>;

    /// So many failures and no success trip it for 10 s; so many probes are let out, with a lease of 5 s.
    static keel::breaker_config<Window> config(int failures, int probes) {
        keel::breaker_config<Window> c{};
        if constexpr (Window::by_rate) {
            c.failure_rate = 1;
            c.minimum_calls = failures;
        } else {
            c.window.failures = failures;
        }
        c.open_for = 10s;
        c.half_open_calls = probes;
        c.half_open_max_wait = 5s;
        c.growth.jitter = 0;
        return c;
    }
    static circuit make(int failures = 1, int probes = 1) { return circuit(config(failures, probes), 1000s); }
};
#define ON_ALL_LANES                                                                                                   \
    on_lane<sliding_window, true>, on_lane<sliding_window, false>, on_lane<sliding_time_window, true>,                 \
        on_lane<sliding_time_window, false>, on_lane<consecutive_failures, true>, on_lane<consecutive_failures, false>

template <class Circuit>
void put_in(Circuit& c, circuit_state s) {
    switch (s) {
    case circuit_state::closed:
        return c.close();
    case circuit_state::open:
        return c.open();
    case circuit_state::half_open:
        return c.half_open();
    case circuit_state::forced_open:
        return c.force_open();
    case circuit_state::disabled:
        return c.disable();
    case circuit_state::metrics_only:
        return c.metrics_only();
    }
}

bool same(const keel::window_counts& a, const keel::window_counts& b) {
    return a.calls == b.calls && a.failed == b.failed && a.slow == b.slow && a.slow_failed == b.slow_failed;
}
/// But for what is late.
bool same(const keel::circuit_totals& a, const keel::circuit_totals& b) {
    return a.calls - a.late == b.calls - b.late && a.successes == b.successes && a.failures == b.failures &&
           a.ignored == b.ignored && a.slow == b.slow && a.rejected == b.rejected && a.opens == b.opens;
}
/// All that can be seen of two circuits, but for what is late.
template <class Circuit>
void check_same(const Circuit& a, const Circuit& b) {
    const auto left = a.stats(), right = b.stats();
    CHECK(left.state == right.state);
    CHECK(left.since == right.since);
    CHECK(left.rejected == right.rejected);
    CHECK(same(left.window, right.window));
    CHECK(same(left.totals, right.totals));
    CHECK(a.log().size == b.log().size);
}

/// A call begins in one state and ends in another one, in one of two circuits that are driven alike. Afterwards nothing
/// tells them apart but one late result.
template <class Lane, class Move>
void drops_late(circuit_state begin_in, ending e, Move move) {
    auto c = Lane::make(3, 3), twin = Lane::make(3, 3);
    for (auto* each : {&c, &twin})
        put_in(each->circuit, begin_in);
    const auto late = c.ask(), other = twin.ask();
    REQUIRE(late.has_value());
    REQUIRE(other.has_value());
    for (auto* each : {&c, &twin})
        move(*each);
    c.clock.advance(1s);
    twin.clock.advance(1s);
    c.end(*late, e);
    CHECK(c.circuit.stats().totals.late == 1);
    CHECK(twin.circuit.stats().totals.late == 0);
    check_same(c.circuit, twin.circuit);
    CHECK(c.room(5) == twin.room(5));
    const auto both = [&](ending next) {
        CHECK(c.run(next) == twin.run(next));
        check_same(c.circuit, twin.circuit);
    };
    both(ending::failed);
    both(ending::succeeded);
    both(ending::failed);
    both(ending::failed);
    for (auto* each : {&c, &twin})
        each->clock.advance(10s);
    for (int i = 0; i < 4; ++i)
        both(ending::succeeded);
    CHECK(c.circuit.stats().totals.late == 1);
}

template <class Circuit>
void trip(Circuit& c) {
    for (int i = 0; i < 3 && c.state() != circuit_state::open; ++i) {
        // One of three probes is out: the third failure takes it over.
        if (i == 2 && c.state() == circuit_state::half_open) c.clock.advance(5s);
        c.fail();
    }
    REQUIRE(c.state() == circuit_state::open);
}
template <class Circuit>
void trip_and_wait(Circuit& c) {
    trip(c);
    c.clock.advance(10s);
    REQUIRE(c.ask());
    REQUIRE(c.state() == circuit_state::half_open);
}
template <class Circuit>
void trip_and_recover(Circuit& c) {
    trip(c);
    c.clock.advance(10s);
    for (int i = 0; i < 3; ++i)
        c.succeed();
    REQUIRE(c.state() == circuit_state::closed);
}

} // namespace

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
    auto config = L::config(1, 1);
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
    auto c = on_lane<W, true>::make(3, 3);
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
    auto config = L::config(1, 1);
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
    auto config = L::config(1, 1);
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
    CHECK(same(s.window, {}));
    CHECK(same(s.totals, {}));
    CHECK(s.totals.late == 0);
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

TEST_CASE_TEMPLATE("a late result is dropped in every state entered by hand, whichever state it was granted in", L,
                   ON_ALL_LANES) {
    using enum circuit_state;
    for (const circuit_state granted_in : {closed, half_open, disabled, metrics_only}) {
        for (const circuit_state moved_to : all_states) {
            for (const ending e : all_endings) {
                CAPTURE(std::string(name(granted_in)));
                CAPTURE(std::string(name(moved_to)));
                drops_late<L>(granted_in, e, [&](auto& c) {
                    c.succeed();
                    put_in(c.circuit, moved_to);
                });
            }
        }
    }
}

TEST_CASE_TEMPLATE("a late success is dropped also where it was granted in a circuit that is past its warm-up", L,
                   ON_ALL_LANES) {
    for (const circuit_state moved_to : all_states) {
        CAPTURE(std::string(name(moved_to)));
        auto c = L::make(3, 3);
        for (int i = 0; i < 5; ++i)
            c.succeed();
        const auto late = c.ask();
        REQUIRE(late);
        put_in(c.circuit, moved_to);
        const auto before = c.circuit.stats().totals;
        c.succeed(*late);
        const auto after = c.circuit.stats().totals;
        CHECK(after.successes == before.successes);
        CHECK(after.late == 1);
        CHECK(same(c.circuit.stats().window, {}));
    }
}

TEST_CASE_TEMPLATE("no permit that could come back late is granted in an open or a forced-open circuit", L,
                   ON_ALL_LANES) {
    for (const circuit_state s : {circuit_state::open, circuit_state::forced_open}) {
        auto c = L::make();
        put_in(c.circuit, s);
        CHECK(!c.ask());
    }
}

TEST_CASE_TEMPLATE("a late result is dropped in every state that results and time have led to", L, ON_ALL_LANES) {
    using circuit = typename L::circuit;
    for (const circuit_state granted_in : {circuit_state::closed, circuit_state::half_open}) {
        for (const ending e : all_endings) {
            CAPTURE(std::string(name(granted_in)));
            drops_late<L>(granted_in, e, trip<circuit>);
            drops_late<L>(granted_in, e, trip_and_wait<circuit>);
            drops_late<L>(granted_in, e, trip_and_recover<circuit>);
        }
    }
}

TEST_CASE_TEMPLATE("a late result is dropped after the circuit has been through a state and back", L, ON_ALL_LANES) {
    using enum circuit_state;
    for (const circuit_state granted_in : {closed, half_open, disabled, metrics_only}) {
        for (const circuit_state by_way_of : all_states) {
            CAPTURE(std::string(name(granted_in)));
            CAPTURE(std::string(name(by_way_of)));
            drops_late<L>(granted_in, ending::failed, [&](auto& c) {
                c.succeed();
                put_in(c.circuit, by_way_of);
                put_in(c.circuit, granted_in);
            });
        }
    }
}

TEST_CASE_TEMPLATE("a result that comes in the state it was granted in is not late, so that the cases above can fail",
                   L, ON_ALL_LANES) {
    using enum circuit_state;
    for (const circuit_state s : {closed, half_open, disabled, metrics_only}) {
        auto c = L::make(3, 3);
        put_in(c.circuit, s);
        const auto p = c.ask();
        REQUIRE(p);
        c.fail(*p);
        CHECK(c.circuit.stats().totals.late == 0);
        CHECK(c.circuit.stats().totals.failures == (s == disabled ? 0 : 1));
    }
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
