// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_states.hpp"
#include "support/lanes.hpp"
#include "support/zero_counts.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::ending;
using support::all_endings;
using support::all_states;
using support::check_zero;
using support::put_in;

// A result that comes in another generation than the one its call began in is late. Here a circuit with one of them
// goes on beside another circuit without.

namespace {

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
        check_zero(c.circuit.stats().window);
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
