// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;

TEST_CASE("timeout sets the deadline that the function sees") {
    keel::manual_clock clock;
    clock.advance(7s);
    keel::pipeline p{keel::timeout(50ms), clock};
    p([&](const keel::context& c) {
        CHECK(c.deadline() == clock.now() + 50ms);
        CHECK(c.remaining() == 50ms);
        clock.advance(60ms);
        CHECK(c.remaining() == 0ms);
        clock.advance(-20ms);
    });
}

TEST_CASE("timeout turns a value that comes after the deadline into timed_out, and not one that comes at it") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms), clock};
    CHECK(p.attempt([&] { return clock.advance(50ms), 1; }).value() == 1);
    const auto late = p.attempt([&] { return clock.advance(50ms + 1ns), 1; });
    REQUIRE(!late);
    CHECK(late.error() == keel::errc::timed_out);
}

TEST_CASE("a value that comes at the deadline is in time off the healthy path too, and one later is not") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms) | keel::retry<keel::constant>({.backoff = {.every = 10ms}}), clock};
    const auto second_after = [&](keel::nanos d) {
        return [&clock, d, n = 0]() mutable {
            if (++n == 1) throw 1;
            clock.advance(d);
            return n;
        };
    };
    CHECK(p.attempt(second_after(40ms)) == 2);
    CHECK(p.attempt(second_after(40ms + 1ns)).error() == keel::errc::timed_out);
}

TEST_CASE("timeout keeps a late value if told to, and then reads the clock once") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout({.after = 50ms, .late_success = keel::late_success::keep}), clock};
    CHECK(p([&] { return clock.advance(1h), 1; }) == 1);
    static_assert(!keel::timeout({.late_success = keel::late_success::keep}).needs().settle_time);
}

TEST_CASE("timeout leaves a late failure what it was") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms), clock};
    CHECK_THROWS_AS(p([&]() -> int {
                        clock.advance(1h);
                        throw std::logic_error("x");
                    }),
                    std::logic_error);
}

TEST_CASE("a deadline is handed on to another pipeline by its context") {
    keel::manual_clock clock;
    keel::pipeline outer{keel::timeout(20ms), clock};
    keel::pipeline inner{keel::timeout(1s), clock};
    const auto left =
        outer([&](const keel::context& c) { return inner(c, [](const keel::context& d) { return d.remaining(); }); });
    CHECK(left == 20ms);
}

TEST_CASE("a nearer deadline of the caller counts as the timeout's own") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1h), clock};
    const keel::context outer(keel::time_point(20ms));
    CHECK(p.attempt(outer, [&] { return clock.advance(20ms), 1; }).value() == 1);
    CHECK(p.attempt(outer, [&] { return clock.advance(1ns), 1; }).error() == keel::errc::timed_out);
}

TEST_CASE("a timeout gives each attempt inside a retry its whole time") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}) |
                         keel::timeout(50ms),
                     clock};
    std::vector<std::chrono::nanoseconds> left, until;
    CHECK_THROWS_AS(p([&](const keel::context& c) -> int {
                        left.push_back(c.remaining());
                        until.push_back(c.deadline().time_since_epoch());
                        clock.advance(30ms);
                        throw 1;
                    }),
                    int);
    CHECK(left == std::vector<std::chrono::nanoseconds>{50ms, 50ms, 50ms});
    CHECK(until == std::vector<std::chrono::nanoseconds>{50ms, 90ms, 130ms});
}

TEST_CASE("a late value that is kept is kept off the healthy path too") {
    keel::manual_clock clock;
    const auto keeping = keel::timeout({.after = 50ms, .late_success = keel::late_success::keep});
    keel::pipeline p{keel::timeout(1h) | keel::retry<keel::constant> | keeping, clock};
    int n = 0;
    CHECK(p([&] {
              clock.advance(60ms);
              return ++n == 1 ? throw 1 : n;
          }) == 2);
    CHECK(p([&] { return clock.advance(60ms), 9; }) == 9);
}

TEST_CASE("what is late is late by whichever of nested timeouts fails it") {
    keel::manual_clock clock;
    const auto keeping = keel::timeout({.after = 50ms, .late_success = keel::late_success::keep});
    keel::pipeline outer_keeps{keeping | keel::timeout(20ms), clock}, inner_keeps{keel::timeout(20ms) | keeping, clock};
    const auto late = [&] { return clock.advance(30ms), 1; };
    CHECK(outer_keeps.attempt(late).error() == keel::errc::timed_out);
    CHECK(inner_keeps.attempt(late).error() == keel::errc::timed_out);
}

TEST_CASE("a late error code or error stays what it is, and a late void call has timed out") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s), clock};
    CHECK(p([&] {
              clock.advance(2s);
              return std::make_error_code(std::errc::io_error);
          }) == std::errc::io_error);
    CHECK(p([&]() -> support::result {
              clock.advance(2s);
              return support::bad();
          }).error() == std::errc::io_error);
    CHECK_THROWS_AS(p([&] { clock.advance(2s); }), keel::rejected);
}

TEST_CASE("a call whose deadline has passed when it begins has timed out, and its function is not invoked") {
    keel::manual_clock clock;
    clock.advance(10ms);
    int n = 0;
    const auto f = [&] { return ++n; };
    const auto counted = [&](auto& p) {
        CHECK(p.attempt(keel::context(keel::time_point(9ms)), f).error() == keel::errc::timed_out);
        CHECK(p.attempt(keel::context(keel::time_point(10ms)), f).error() == keel::errc::timed_out); // nothing is left
        CHECK_THROWS_AS(p(keel::context(keel::time_point::min()), f), keel::rejected);
        CHECK(n == 0);
        CHECK(p(keel::context(keel::time_point(10ms + 1ns)), f) == 1);
        CHECK(p(keel::context(), f) == 2);
        n = 0;
    };
    keel::pipeline one{keel::timeout(1s), clock};
    keel::pipeline three{keel::timeout(1s) | keel::retry<> | keel::breaker<>, clock};
    keel::pipeline inside{keel::breaker<> | keel::retry<> | keel::timeout(1s), clock};
    keel::static_pipeline<keel::timeout(1s) | keel::timeout(2s), keel::manual_clock> fixed{clock};
    keel::pipeline keeping{keel::timeout({.late_success = keel::late_success::keep}), clock};
    counted(one), counted(three), counted(inside), counted(fixed), counted(keeping);
}

TEST_CASE("an inner call is refused once the outer one's deadline has passed, in either channel") {
    keel::manual_clock clock;
    keel::pipeline outer{keel::timeout(20ms), clock}, inner{keel::timeout(1s), clock};
    int n = 0;
    const auto late = [&](const keel::context& c) {
        clock.advance(20ms);
        return inner(c, [&]() -> support::result { return ++n, support::good(); });
    };
    CHECK(outer(late).error() == keel::errc::timed_out);
    CHECK_THROWS_AS(outer([&](const keel::context& c) {
                        clock.advance(30ms);
                        inner(c, [&] { ++n; });
                    }),
                    keel::rejected);
    CHECK(n == 0);
}

TEST_CASE("that there was no time left to call it says nothing about the callee") {
    keel::manual_clock clock;
    const auto at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}});
    keel::pipeline p{at_once | keel::timeout(50ms), clock};
    CHECK(p.attempt(keel::context(clock.now()), [] { return 1; }).error() == keel::errc::timed_out);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
    CHECK(p.attempt([&] { return clock.advance(1s), 1; }).error() == keel::errc::timed_out);
    CHECK(p.circuit().state() == keel::circuit_state::open);
}

TEST_CASE("timeout refuses durations out of range") {
    CHECK_THROWS_AS(keel::timeout(0ms), keel::invalid_config);
    CHECK_THROWS_AS(keel::timeout(-1ns), keel::invalid_config);
    CHECK_THROWS_AS(keel::timeout(std::chrono::hours::max()), keel::invalid_config);
    CHECK(keel::timeout(24h * 365 * 100).validate().policy == nullptr);
}
