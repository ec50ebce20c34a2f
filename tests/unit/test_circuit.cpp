// SPDX-License-Identifier: BSL-1.0
#include "support/hand_driven.hpp"

#include <keel/breaker.hpp>
#include <keel/circuit.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using keel::consecutive_failures;
using keel::sliding_time_window;
using keel::sliding_window;

TEST_CASE_TEMPLATE("a circuit is closed at first, keeps its configuration, and refuses one that is out of range", W,
                   sliding_window, sliding_time_window, consecutive_failures) {
    const keel::circuit<W> c({.open_for = 7s});
    CHECK(c.state() == keel::circuit_state::closed);
    CHECK(c.config().open_for == keel::nanos(7s));
    CHECK(keel::circuit<W>().config().open_for == keel::nanos(30s));
    CHECK_THROWS_AS(keel::circuit<W>({.open_for = 0s}), keel::invalid_config);
}

TEST_CASE_TEMPLATE("a circuit opens, probes and closes, however often, with any window", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    support::hand_driven<W> c({.open_for = 1s, .growth = {.jitter = 0}}, 1000s);
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 200 && c.state() == keel::circuit_state::closed; ++i)
            REQUIRE(c.fail());
        REQUIRE(c.state() == keel::circuit_state::open);
        CHECK(!c.succeed());
        c.clock.advance(1s);
        for (int i = 0; i < 3; ++i) {
            CHECK(c.succeed());
            CHECK(c.state() == (i < 2 ? keel::circuit_state::half_open : keel::circuit_state::closed));
        }
        for (int i = 0; i < 100; ++i)
            REQUIRE(c.succeed());
    }
}
