// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/circuit_states.hpp"
#include "support/hand_driven.hpp"

#include <keel/breaker.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::ending;

// A result of an earlier generation is dropped: it neither trips, closes, nor takes or returns a probe. Each state that
// a call can begin in is paired with each that it can come back to, and with each way to end.

namespace {
using circuit = support::hand_driven<keel::consecutive_failures>;

circuit fresh() { return circuit(support::trips_at<keel::consecutive_failures>(2, 3)); }
void open(circuit& c) {
    while (c.state() == circuit_state::closed)
        c.fail();
}
/// Half-open; one probe has come back and one is out.
void half_open(circuit& c) {
    open(c);
    c.clock.advance(10s);
    c.succeed();
    static_cast<void>(c.ask());
}
/// Closed, and one failure short of tripping.
void close(circuit& c) {
    open(c);
    c.clock.advance(10s);
    for (int i = 0; i < 3; ++i)
        c.succeed();
    c.fail();
}

using step = void (*)(circuit&);

void drops_late_results(step begin_in, step come_back_to) {
    for (const ending e : support::all_endings) {
        circuit c = fresh(), twin = fresh();
        for (circuit* each : {&c, &twin})
            begin_in(*each);
        const auto late = c.ask();
        static_cast<void>(twin.ask());
        REQUIRE(late);
        for (circuit* each : {&c, &twin}) {
            // A probe that fails ends the period that it began in.
            if (each->state() == circuit_state::half_open) each->clock.advance(5s), each->fail();
            come_back_to(*each);
        }
        c.end(*late, e);
        // From here on nothing tells the two apart.
        REQUIRE(c.state() == twin.state());
        if (c.state() != circuit_state::closed) CHECK(c.room() == twin.room());
        for (int i = 0; i < 5; ++i) {
            CHECK(c.fail() == twin.fail());
            CHECK(c.state() == twin.state());
        }
        for (circuit* each : {&c, &twin})
            each->clock.advance(10s);
        for (int i = 0; i < 5; ++i) {
            CHECK(c.succeed() == twin.succeed());
            CHECK(c.state() == twin.state());
        }
    }
}
void nothing(circuit&) {}
} // namespace

TEST_CASE("a call from a closed circuit that comes back to an open one is dropped") {
    drops_late_results(nothing, open);
}
TEST_CASE("a call from a closed circuit that comes back to a half-open one is dropped") {
    drops_late_results(nothing, half_open);
}
TEST_CASE("a call from a closed circuit that comes back when it has closed again is dropped") {
    drops_late_results(nothing, close);
}
TEST_CASE("a probe that comes back to an open circuit is dropped") { drops_late_results(half_open, open); }
TEST_CASE("a probe that comes back to the half-open circuit of a later period is dropped") {
    drops_late_results(half_open, half_open);
}
TEST_CASE("a probe that comes back to a closed circuit is dropped") { drops_late_results(half_open, close); }

TEST_CASE("a call that comes back to the state it was let through in is counted, so that the cases above can fail") {
    circuit closed = fresh();
    const auto p = closed.ask();
    closed.fail();
    closed.fail(*p);
    CHECK(closed.state() == circuit_state::open);

    circuit probing = fresh();
    half_open(probing);
    const auto q = probing.ask();
    probing.fail(*q);
    CHECK(probing.state() == circuit_state::open);
}
