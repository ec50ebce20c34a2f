// SPDX-License-Identifier: BSL-1.0
#include "support/asked_to_stop.hpp"

// Where a call that blocks would wait, a ticket says so.
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/chaos.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/error.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <utility>

using namespace std::chrono_literals;
using keel::errc;
using support::asked_to_stop;

namespace {
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto one_a_second = keel::rate_limit({.rate = 1, .per = 1s, .burst = 1, .max_wait = 1h});
/// As a timer of the user's would: resumes it as often as it asks for, and says after how long it was done.
template <class Ticket>
keel::nanos wait(keel::manual_clock& clock, Ticket& t) {
    const keel::time_point began = clock.now();
    while (t.waiting()) {
        clock.advance(t.delay());
        t.resume();
    }
    return clock.now() - began;
}
} // namespace

TEST_CASE("a ticket waits for its turn of a rate limit") {
    keel::manual_clock clock;
    keel::pipeline p{one_a_second, clock};
    auto t = p.begin();
    REQUIRE(t);
    auto second = p.begin(), third = p.begin();
    CHECK(!second);
    CHECK(second.waiting());
    CHECK(second.attempt() == 0);
    CHECK(second.delay() == 1s);
    CHECK(third.delay() == 2s);
    CHECK(wait(clock, second) == 1s);
    CHECK(second);
    CHECK(second.attempt() == 1);
    clock.advance(1s);
    CHECK(third.resume());
}

TEST_CASE("a ticket that is resumed too soon goes on waiting") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | one_a_second, clock};
    auto t = p.begin();
    auto waits = p.begin();
    clock.advance(400ms);
    CHECK(!waits.resume());
    CHECK(waits.waiting());
    CHECK(waits.delay() == 600ms);
    clock.advance(600ms);
    CHECK(waits.resume());

    CHECK(t.failure());
    clock.advance(9ms);
    CHECK(!t.resume());
    CHECK(t.waiting());
    CHECK(t.delay() == 1ms);
    clock.advance(1ms);
    CHECK(!t.resume()); // and now for the rate limit
    CHECK(t.waiting());
    CHECK(t.delay() == 990ms);
    CHECK(wait(clock, t) == 990ms);
    CHECK(t);
    CHECK(t.attempt() == 2);
}

TEST_CASE("a ticket waits in line for a permit") {
    keel::manual_clock clock;
    keel::pipeline p{keel::named<"permits">(keel::bulkhead({.permits = 1, .max_wait = 20ms})), clock};
    auto t = p.begin();
    auto waits = p.begin(), stays = p.begin();
    CHECK(waits.waiting());
    CHECK(p.get<"permits">().waiting() == 2);
    clock.advance(waits.delay());
    CHECK(!waits.resume());
    CHECK(waits.waiting());
    CHECK(!t.success());
    clock.advance(waits.delay());
    CHECK(waits.resume());
    CHECK(p.get<"permits">().in_flight() == 1);
    wait(clock, stays);
    CHECK(clock.now() == keel::time_point(20ms));
    CHECK(!stays);
    CHECK(stays.error() == errc::bulkhead_full);
    CHECK(p.get<"permits">().waiting() == 0);
    CHECK(!waits.success());
    CHECK(p.get<"permits">().in_flight() == 0);
}

TEST_CASE("a ticket waits for the latency that is injected, at most to its deadline") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | keel::chaos({.rate = 1}).latency(300ms), clock};
    auto t = p.begin();
    CHECK(t.waiting());
    CHECK(wait(clock, t) == 300ms);
    CHECK(t);
    CHECK(t.deadline() == keel::time_point(1s));
    CHECK(!t.success());

    keel::pipeline slow{keel::timeout(1s) | keel::chaos({.rate = 1}).latency(2s), clock};
    auto u = slow.begin();
    CHECK(wait(clock, u) == 1s);
    CHECK(!u);
    CHECK(u.error() == errc::timed_out);
}

TEST_CASE("a wait that lasts to the deadline, or that nobody wants any more, ends the call") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | thrice, clock};
    auto t = p.begin();
    CHECK(t.failure());
    clock.advance(2s); // the timer was late
    CHECK(!t.resume());
    CHECK(!t.waiting());
    CHECK(t.result().error() == std::errc::io_error);

    keel::pipeline limited{keel::named<"limit">(one_a_second), clock};
    asked_to_stop caller;
    const keel::context outer(caller);
    auto first = limited.begin(), second = limited.begin(outer);
    CHECK(second.waiting());
    caller.stop = true;
    CHECK(!second.resume());
    CHECK(second.error() == errc::rate_limited);
    CHECK(limited.begin().delay() == 1s); // its turn is free again
}

TEST_CASE("a rejection can be what is tried again") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | keel::bulkhead({.permits = 1}), clock};
    auto holder = p.begin();
    auto t = p.begin();
    CHECK(t.waiting());
    CHECK(t.delay() == 10ms);
    CHECK(t.attempt() == 0);
    CHECK(wait(clock, t) == 20ms);
    CHECK(!t);
    CHECK(t.error() == errc::bulkhead_full);

    auto u = p.begin();
    CHECK(u.waiting());
    CHECK(!holder.success());
    CHECK(wait(clock, u) == 10ms);
    CHECK(u);
    CHECK(u.attempt() == 1);
}

TEST_CASE("a rejection outlasts a wait as what it is") {
    keel::manual_clock clock;
    asked_to_stop caller;
    const keel::context outer(caller);
    constexpr auto breaker = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}});
    const auto take_time = keel::chaos({.rate = 1}).behavior([&] { clock.advance(20ms); });
    const auto stop_in_its_wait = [&](auto& t) {
        CHECK(t.waiting());
        caller.stop = true;
        CHECK(!t.resume());
        CHECK(t.error() == errc::timed_out);
        caller.stop = false;
    };
    // No time was left to begin: that says nothing about the callee.
    keel::pipeline untried{breaker | thrice | keel::timeout(10ms) | take_time | keel::timeout(10ms), clock};
    auto t = untried.begin(outer);
    stop_in_its_wait(t);
    CHECK(untried.circuit().state() == keel::circuit_state::closed);
    // A success that came too late does.
    keel::pipeline tried{breaker | thrice | keel::timeout(10ms) | take_time, clock};
    auto u = tried.begin(outer);
    REQUIRE(u);
    CHECK(u.success());
    stop_in_its_wait(u);
    CHECK(tried.circuit().state() == keel::circuit_state::open);
}
