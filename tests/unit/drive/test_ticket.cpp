// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::errc;

namespace {
constexpr auto opens_at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s});
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
} // namespace

TEST_CASE("a ticket is a call: admitted when it begins, settled when it is told how it went") {
    keel::manual_clock clock;
    keel::pipeline p{opens_at_once, clock};
    auto t = p.begin();
    REQUIRE(t);
    CHECK(t.deadline() == keel::no_deadline);
    CHECK(!t.success());
    CHECK(!t);
    CHECK(t.error() == errc{});
    auto u = p.begin();
    CHECK(!u.failure());
    CHECK(p.circuit().state() == circuit_state::open);
    const auto refused = p.begin();
    CHECK(!refused);
    CHECK(refused.error() == errc::circuit_open);
    CHECK(refused.retry_after() == 10s);
}

TEST_CASE("a ticket that is dropped gives back what was taken, and says nothing") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | keel::named<"permits">(keel::bulkhead({.permits = 1})) | opens_at_once, clock};
    {
        auto t = p.begin();
        CHECK(p.get<"permits">().in_flight() == 1);
        CHECK(p.begin().error() == errc::bulkhead_full);
        auto moved = std::move(t);
        CHECK(moved);
        CHECK(!t);
        CHECK(p.get<"permits">().in_flight() == 1);
    }
    CHECK(p.get<"permits">().in_flight() == 0);
    CHECK(p.circuit().stats().totals.calls == 1);
    CHECK(p.circuit().stats().totals.successes + p.circuit().stats().totals.failures == 0);
    auto t = p.begin();
    t = p.begin(); // a refused one takes its place
    CHECK(!t);
    CHECK(p.get<"permits">().in_flight() == 0);
}

TEST_CASE("with a retry, a failure says when to try again") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | thrice | keel::named<"permits">(keel::bulkhead({.permits = 1})), clock};
    auto t = p.begin();
    CHECK(t.deadline() == keel::time_point(1s));
    for (int attempt = 1; attempt < 3; ++attempt) {
        REQUIRE(t);
        const auto next = t.failure();
        CHECK(next);
        CHECK(next.delay == 10ms);
        CHECK(t.waiting());
        CHECK(p.get<"permits">().in_flight() == 0);
        clock.advance(next.delay);
        CHECK(t.resume());
        CHECK(p.get<"permits">().in_flight() == 1);
        CHECK(t.deadline() == keel::time_point(1s));
    }
    CHECK(!t.failure());
    CHECK(!t);
    CHECK(t.error() == errc{});
    CHECK(p.get<"permits">().in_flight() == 0);
}

TEST_CASE("a ticket that waits can be dropped, and moved") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | keel::rate_limit({.rate = 1, .per = 1s, .burst = 1, .max_wait = 1h}), clock};
    auto t = p.begin();
    REQUIRE(t);
    auto waits = p.begin();
    CHECK(!waits);
    CHECK(waits.waiting());
    CHECK(waits.delay() == 1s);
    {
        auto moved = std::move(waits);
        CHECK(moved.delay() == 1s);
        CHECK(!waits.waiting());
    }
    auto next = p.begin();
    CHECK(next.delay() == 1s); // the turn of who left is free again
    clock.advance(1s);
    CHECK(next.resume());
    CHECK(!next.success());
    CHECK(t.failure().delay == 10ms);
}

TEST_CASE("a success that comes too late is a failure of the call") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | keel::timeout(1s), clock};
    auto t = p.begin();
    clock.advance(2s);
    const auto next = t.success();
    CHECK(next);
    CHECK(next.delay == 10ms);
    CHECK(t.resume());
    CHECK(t.deadline() == keel::time_point(3s));
    CHECK(!t.success());
    CHECK(t.error() == errc{});

    keel::pipeline once{keel::timeout(1s), clock};
    auto late = once.begin();
    clock.advance(1s + 1ns);
    CHECK(!late.success());
    CHECK(late.error() == errc::timed_out);
}

TEST_CASE("a ticket has the deadline and the stop of the call around it") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | thrice, clock};
    const keel::context outer{keel::time_point(15ms)};
    auto t = p.begin(outer);
    CHECK(t.deadline() == keel::time_point(15ms));
    clock.advance(6ms);
    CHECK(!t.failure()); // the wait would not end in time
}

TEST_CASE("what is ignored counts as nothing") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | opens_at_once, clock};
    auto t = p.begin();
    CHECK(!t.ignore());
    CHECK(p.circuit().state() == circuit_state::closed);
    CHECK(p.circuit().stats().totals.ignored == 1);
}
