// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/hand_driven.hpp"

#include <keel/breaker.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::ending;
using keel::sliding_window;

namespace {
using by_hand = support::hand_driven<consecutive_failures>;

/// One failure opens it for 10 s; so many successful probes close it; a probe's lease is 5 s. It is due to probe.
struct due : by_hand {
    explicit due(int probes = 2)
      : by_hand(support::trips_at<consecutive_failures>(1, probes)) {
        fail();
        clock.advance(10s);
    }
};
template <class Window>
struct due_by_rate : support::hand_driven<Window> {
    due_by_rate(int probes, int minimum, double rate)
      : support::hand_driven<Window>(
            {.failure_rate = rate, .minimum_calls = minimum, .open_for = 10s, .half_open_calls = probes}, 1000s) {
        while (this->state() == circuit_state::closed)
            this->fail();
        this->clock.advance(10s);
    }
};
} // namespace

TEST_CASE("a half-open circuit lets out exactly as many probes as it may") {
    for (const int probes : {1, 2, 3, 63}) {
        due c(probes);
        CHECK(c.room() == probes);
        for (int i = 0; i < probes; ++i)
            CHECK(c.ask());
        CHECK(!c.ask());
        CHECK(c.state() == circuit_state::half_open);
    }
}

TEST_CASE("a half-open circuit counts probes and not how many are out: one that succeeds makes no room") {
    due c(2);
    const auto first = c.ask();
    const auto second = c.ask();
    c.succeed(*first);
    CHECK(!c.ask());
    c.succeed(*second);
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE("a half-open circuit that counts failures in a row closes with the last of its probes' successes") {
    due c(3);
    CHECK(c.succeed());
    CHECK(c.succeed());
    CHECK(c.state() == circuit_state::half_open);
    CHECK(c.succeed());
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE("a half-open circuit that counts failures in a row opens with the first failed probe, from that moment") {
    due c(3);
    c.succeed();
    const auto p = c.ask();
    c.clock.advance(1s);
    c.fail(*p);
    CHECK(c.state() == circuit_state::open);
    c.clock.advance(10s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE_TEMPLATE("a half-open circuit that goes by a rate decides once it has the minimum, by the same threshold", W,
                   sliding_window, keel::sliding_time_window) {
    due_by_rate<W> healthy(3, 20, 0.5);
    CHECK((healthy.succeed(), healthy.succeed()));
    CHECK(healthy.state() == circuit_state::half_open);
    CHECK(healthy.fail());
    CHECK(healthy.state() == circuit_state::closed);

    due_by_rate<W> failing(3, 20, 0.5);
    CHECK((failing.fail(), failing.fail()));
    CHECK(failing.state() == circuit_state::half_open);
    CHECK(failing.succeed());
    CHECK(failing.state() == circuit_state::open);

    due_by_rate<W> early(10, 2, 1);
    CHECK((early.fail(), early.state() == circuit_state::half_open));
    CHECK((early.fail(), early.state() == circuit_state::open));

    due_by_rate<W> at_once(10, 1, 1);
    CHECK((at_once.succeed(), at_once.state() == circuit_state::closed));
}

TEST_CASE("an ignored probe gives its permit back and leaves half-open as it was") {
    due c(2);
    for (int i = 0; i < 300; ++i)
        CHECK(c.run(ending::ignored));
    CHECK(c.state() == circuit_state::half_open);
    CHECK(c.room() == 2);
    c.succeed();
    CHECK(c.room() == 1);
    c.succeed();
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE("a probe that does not come back is taken over after its lease, and not before") {
    due c(1);
    CHECK(c.ask());
    c.clock.advance(5s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
    CHECK(!c.ask());
}

TEST_CASE("a lease runs from the first probe that is out, and later ones do not prolong it") {
    due c(2);
    CHECK(c.ask());
    c.clock.advance(3s);
    CHECK(c.ask());
    c.clock.advance(2s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE("a probe that is let out when none is begins a lease of its own") {
    due c(2);
    c.succeed();
    c.clock.advance(4s);
    CHECK(c.ask());
    c.clock.advance(5s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE("a take-over begins a lease of its own") {
    due c(1);
    CHECK(c.ask());
    c.clock.advance(7s);
    CHECK(c.ask());
    c.clock.advance(5s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE("a take-over gives up all probes that are out and keeps what came back") {
    due c(3);
    c.succeed();
    CHECK(c.ask());
    CHECK(c.ask());
    CHECK(!c.ask());
    c.clock.advance(5s);
    CHECK(c.room() == 2);
    c.succeed();
    c.succeed();
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE("a probe that was taken over still counts when it comes back, in the same generation") {
    due closes(1);
    const auto slow = closes.ask();
    closes.clock.advance(5s);
    CHECK(closes.ask());
    closes.succeed(*slow);
    CHECK(closes.state() == circuit_state::closed);

    due opens(1);
    const auto slower = opens.ask();
    opens.clock.advance(5s);
    CHECK(opens.ask());
    opens.fail(*slower);
    CHECK(opens.state() == circuit_state::open);
}

TEST_CASE("a half-open circuit recovers though every probe takes longer than its lease") {
    due c(2);
    auto before = c.ask();
    for (int i = 0; i < 10 && c.state() == circuit_state::half_open; ++i) {
        c.clock.advance(6s);
        const auto next = c.ask();
        c.succeed(*before);
        before = next;
    }
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE("a half-open circuit whose probes all vanish lets out one more per lease, for ever") {
    due c(2);
    CHECK(c.ask());
    CHECK(c.ask());
    for (int i = 0; i < 100; ++i) {
        c.clock.advance(5s);
        REQUIRE(c.ask());
    }
    CHECK(c.state() == circuit_state::half_open);
}

TEST_CASE("an overdue probe that is ignored makes no room for more probes than there may be") {
    due c(1);
    const auto overdue = c.ask();
    c.clock.advance(5s);
    CHECK(c.ask());
    CHECK(!c.ask());
    c.ignore(*overdue);
    CHECK(!c.ask());
}

TEST_CASE("a half-open circuit lets threads have as many probes as it may, however they hurry") {
    for (int round = 0; round < 200; ++round) {
        due c(3);
        std::atomic<int> ready{0}, granted{0};
        std::vector<std::jthread> running;
        for (int t = 0; t < 4; ++t) {
            running.emplace_back([&] {
                ++ready;
                while (ready < 4) {
                }
                while (c.ask())
                    ++granted;
            });
        }
        running.clear();
        REQUIRE(granted == 3);
    }
}
