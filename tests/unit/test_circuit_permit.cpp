// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"

#include <keel/breaker.hpp>
#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::sliding_time_window;
using keel::sliding_window;

namespace {

template <class Window>
using circuit = keel::circuit<Window, keel::manual_clock>;
using acquired = circuit<sliding_window>::acquired;

static_assert(std::is_nothrow_move_constructible_v<acquired>);
static_assert(!std::is_copy_constructible_v<acquired> && !std::is_copy_assignable_v<acquired>);
static_assert(!std::is_move_assignable_v<acquired>, "or the call that it held would be forgotten");
static_assert(!std::is_convertible_v<acquired, bool> && std::is_constructible_v<bool, acquired>);

template <class Circuit>
void open(Circuit& c) {
    c.try_acquire().failure();
    c.try_acquire().failure();
    REQUIRE(c.state() == circuit_state::open);
}

} // namespace

TEST_CASE_TEMPLATE("a call that was asked for by hand is counted by how it ended", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    circuit<W> c(support::trips_at<W>(2, 2));
    auto good = c.try_acquire();
    REQUIRE(good);
    CHECK(good.retry_after() == 0ns);
    CHECK(c.stats().totals.calls == 0);
    good.success();
    CHECK(c.stats().totals.successes == 1);
    auto bad = c.try_acquire();
    bad.failure();
    CHECK(c.stats().totals.failures == 1);
    {
        const auto dropped = c.try_acquire();
    }
    CHECK(c.stats().totals.ignored == 1);
    CHECK(c.stats().totals.calls == 3);
    CHECK(c.stats().totals.rejected == 0);
}

TEST_CASE("a call that was asked for by hand ends once, by the first that is said of it") {
    circuit<sliding_window> c(support::trips_at<sliding_window>(2, 2));
    {
        auto first = c.try_acquire();
        first.success();
        CHECK(!first);
        first.failure(), first.success();
        auto second = c.try_acquire();
        second.failure();
        CHECK(!second);
        second.success();
    }
    CHECK(c.stats().totals.calls == 2);
    CHECK(c.stats().totals.successes == 1);
    CHECK(c.stats().totals.failures == 1);
    CHECK(c.stats().totals.ignored == 0);
}

TEST_CASE("failures by hand trip a circuit, and successes close it") {
    keel::manual_clock clock;
    circuit<consecutive_failures> c(support::trips_at<consecutive_failures>(2, 2), clock);
    open(c);
    clock.advance(10s);
    c.try_acquire().success();
    CHECK(c.state() == circuit_state::half_open);
    c.try_acquire().success();
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE_TEMPLATE("a refusal by hand says how long it lasts, and nothing that is said of it counts", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    keel::manual_clock clock;
    circuit<W> c(support::trips_at<W>(2, 2), clock);
    open(c);
    clock.advance(3s);
    {
        auto refused = c.try_acquire();
        CHECK(!refused);
        CHECK(refused.retry_after() == 7s);
        refused.success(), refused.failure();
        const auto moved = std::move(refused);
        CHECK(!moved);
        CHECK(moved.retry_after() == 7s);
    }
    CHECK(c.stats().totals.calls == 2);
    CHECK(c.stats().totals.rejected == 1);
    CHECK(c.stats().rejected == 1);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("a call that moves is still one call, and what it moved from is none") {
    circuit<sliding_window> c(support::trips_at<sliding_window>(2, 2));
    {
        auto from = c.try_acquire();
        auto to = std::move(from);
        CHECK(!from);
        CHECK(to);
        from.failure();
        CHECK(c.stats().totals.calls == 0);
        to.success();
    }
    CHECK(c.stats().totals.calls == 1);
    CHECK(c.stats().totals.successes == 1);
    std::vector<acquired> many;
    for (int i = 0; i < 20; ++i)
        many.push_back(c.try_acquire());
    CHECK(c.stats().totals.calls == 1);
    many.clear();
    CHECK(c.stats().totals.ignored == 20);
}

TEST_CASE("a probe that is dropped by hand gives its permit back") {
    circuit<consecutive_failures> c(support::trips_at<consecutive_failures>(2, 2));
    c.half_open();
    for (int i = 0; i < 10; ++i) {
        const auto first = c.try_acquire(), second = c.try_acquire(), third = c.try_acquire();
        CHECK(first);
        CHECK(second);
        CHECK(!third);
        CHECK(third.retry_after() == 0ns);
    }
    CHECK(c.state() == circuit_state::half_open);
}

TEST_CASE("a call that an exception ends is ignored") {
    circuit<consecutive_failures> c(support::trips_at<consecutive_failures>(2, 2));
    c.half_open();
    for (int i = 0; i < 10; ++i) {
        const auto throws = [&] {
            const auto p = c.try_acquire();
            REQUIRE(p);
            throw std::runtime_error("in between");
        };
        CHECK_THROWS(throws());
    }
    CHECK(c.stats().totals.ignored == 10);
    CHECK(c.try_acquire());
}

TEST_CASE("a call by hand may end on another thread than it began on") {
    circuit<sliding_window> c(support::trips_at<sliding_window>(2, 2));
    auto p = c.try_acquire();
    std::thread([mine = std::move(p)]() mutable { mine.success(); }).join();
    CHECK(c.stats().totals.successes == 1);
    CHECK(!p);
}

TEST_CASE("a call by hand is timed by the circuit's own clock") {
    keel::manual_clock clock;
    auto config = support::trips_at<sliding_window>(2, 2);
    config.slow_call.longer_than = 1s;
    circuit<sliding_window> c(config, clock);
    auto quick = c.try_acquire();
    clock.advance(1s);
    quick.success();
    auto slow = c.try_acquire();
    clock.advance(1s + 1ns);
    slow.success();
    CHECK(c.stats().totals.slow == 1);
    CHECK(c.stats().totals.successes == 2);
}

TEST_CASE("a late result by hand is dropped and counted as late") {
    circuit<sliding_window> c(support::trips_at<sliding_window>(2, 2));
    auto early = c.try_acquire(), dropped = c.try_acquire();
    c.close();
    early.failure();
    {
        const auto gone = std::move(dropped);
    }
    CHECK(c.stats().totals.late == 2);
    CHECK(c.stats().totals.calls == 2);
    CHECK(c.stats().totals.failures == 0);
    CHECK(c.stats().totals.ignored == 0);
}

TEST_CASE("a call by hand is let through by a disabled circuit and refused without an end by a forced-open one") {
    circuit<sliding_window> c(support::trips_at<sliding_window>(2, 2));
    c.disable();
    CHECK(c.try_acquire());
    c.force_open();
    CHECK(!c.try_acquire());
    CHECK(c.try_acquire().retry_after() == 0ns);
}
