// SPDX-License-Identifier: BSL-1.0
#include <keel/call.hpp>
#include <keel/clock/manual_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using keel::call;
using keel::time_point;

namespace {
struct counting_clock {
    int* reads;
    time_point now() const noexcept { return time_point(std::chrono::nanoseconds(++*reads)); }
    void sleep_until(time_point) const {}
};
call begun_with(keel::clock_ref clock) { return {call().leave(), false, 0, clock}; }
} // namespace

TEST_CASE("a call that begins has no deadline, no attempt, no time and no wish to stop") {
    const call c;
    CHECK(c.deadline == keel::no_deadline);
    CHECK(c.attempt == 0);
    CHECK(c.known_now() == time_point::min());
    CHECK(!c.stop_requested());
}

TEST_CASE("a call reads the clock once for each of its turns, when somebody asks") {
    int reads = 0;
    const counting_clock clock{&reads};
    call c = begun_with(keel::clock_ref(clock));
    CHECK(reads == 0);
    CHECK(c.known_now() == time_point::min());
    CHECK(c.now() == time_point(1ns));
    CHECK(c.now() == time_point(1ns));
    CHECK(c.known_now() == time_point(1ns));
    c.turn();
    CHECK(c.known_now() == time_point::min());
    CHECK(reads == 1);
    CHECK(c.now() == time_point(2ns));
    c.turn_at(time_point(9ns));
    CHECK(c.now() == time_point(9ns));
    CHECK(c.known_now() == time_point(9ns));
    CHECK(reads == 2);
}

TEST_CASE("the context of a call is what the function would see of it") {
    keel::manual_clock clock;
    call c = begun_with(keel::clock_ref(clock));
    c.deadline = time_point(5s);
    c.attempt = 2;
    clock.advance(2s);
    const keel::context seen = c.as_context();
    CHECK(seen.deadline() == time_point(5s));
    CHECK(seen.remaining() == 3s);
    CHECK(seen.attempt() == 2);
}

TEST_CASE("a call's wait is a turn of it") {
    keel::manual_clock clock;
    call c = begun_with(keel::clock_ref(clock));
    CHECK(c.now() == time_point(0s));
    c.wait_until(time_point(3s));
    CHECK(clock.now() == time_point(3s));
    CHECK(c.now() == time_point(3s));
}

TEST_CASE("a call is part of the one whose context it is begun with") {
    struct {
        bool stop_requested() const noexcept { return true; }
    } const stop;
    const keel::context outer(stop, time_point(5s));
    keel::manual_clock clock;
    const call c(keel::clock_ref(clock), outer);
    CHECK(c.deadline == time_point(5s));
    CHECK(c.stop_requested());
}

TEST_CASE("a call can be left in one lane and taken up in another") {
    keel::manual_clock clock;
    clock.advance(2s);
    const keel::context outer(time_point(9s));
    call left(keel::clock_ref(clock), outer);
    left.deadline = time_point(5s);
    left.turn_at(time_point(1s));
    call knowing(left.leave(), true, 1, keel::clock_ref(clock));
    CHECK(knowing.deadline == time_point(5s));
    CHECK(knowing.attempt == 1);
    CHECK(knowing.now() == time_point(1s));
    call not_knowing(left.leave(), false, 0, keel::clock_ref(clock));
    CHECK(not_knowing.attempt == 0);
    CHECK(not_knowing.now() == time_point(2s));
}

TEST_CASE("a call is seen by the function as its context") {
    keel::manual_clock clock;
    clock.advance(2s);
    call c;
    c.deadline = time_point(5s);
    c.attempt = 3;
    const keel::context seen = c.as_context(keel::clock_ref(clock));
    CHECK(seen.remaining() == 3s);
    CHECK(seen.attempt() == 3);
    CHECK(!seen.stop_requested());
}
