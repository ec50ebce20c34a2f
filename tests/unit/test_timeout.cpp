// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <stdexcept>

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

TEST_CASE("the nearer of nested timeouts wins, in either order") {
    keel::manual_clock clock;
    keel::pipeline near_inside{keel::timeout(50ms) | keel::timeout(20ms), clock};
    keel::pipeline near_outside{keel::timeout(20ms) | keel::timeout(50ms), clock};
    const auto seen = [](const keel::context& c) { return c.remaining(); };
    CHECK(near_inside(seen) == 20ms);
    CHECK(near_outside(seen) == 20ms);
}

TEST_CASE("a deadline is handed on to another pipeline by its context") {
    keel::manual_clock clock;
    keel::pipeline outer{keel::timeout(20ms), clock};
    keel::pipeline inner{keel::timeout(1s), clock};
    const auto left =
        outer([&](const keel::context& c) { return inner(c, [](const keel::context& d) { return d.remaining(); }); });
    CHECK(left == 20ms);
}

TEST_CASE("timeout left of retry bounds all attempts, right of it each one") {
    keel::manual_clock clock;
    const auto retry = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
    int calls = 0;
    const auto slow = [&] {
        ++calls;
        clock.advance(60ms);
        return 1;
    };

    keel::pipeline each{retry | keel::timeout(50ms), clock};
    CHECK(each.attempt(slow).error() == keel::errc::timed_out);
    CHECK(calls == 3);

    calls = 0;
    keel::pipeline together{keel::timeout(50ms) | retry, clock};
    CHECK(together.attempt(slow).error() == keel::errc::timed_out);
    CHECK(calls == 1);
}

TEST_CASE("timeout refuses durations out of range") {
    CHECK_THROWS_AS(keel::timeout(0ms), keel::invalid_config);
    CHECK_THROWS_AS(keel::timeout(-1ns), keel::invalid_config);
    CHECK_THROWS_AS(keel::timeout(std::chrono::hours::max()), keel::invalid_config);
    CHECK(keel::timeout(24h * 365 * 100).validate().policy == nullptr);
}
