// SPDX-License-Identifier: BSL-1.0
// A ticket that is dropped before its call has ended gives back all that was taken, whatever it was doing.
#include "support/cold_only.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/limit.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/throttle.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <utility>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::errc;
using keel::operator|; // neither side of it need be keel's own

namespace {
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto permits = keel::bulkhead({.permits = 1});
constexpr auto queue = keel::bulkhead({.permits = 1, .max_wait = 1h});
constexpr auto opens_at_once =
    keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s, .half_open_calls = 1});

/// Brings a ticket of `p` into each state in which it can be, drops it there, and sees what that leaves behind.
template <class Pipeline, class Check>
void drop_everywhere(Pipeline& p, keel::manual_clock& clock, Check check) {
    {
        auto t = p.begin();
        CHECK(t);
    }
    check();
    {
        auto t = p.begin();
        CHECK(t.failure());
        clock.advance(10ms);
        CHECK(t.resume());
    }
    check();
    {
        auto t = p.begin();
        CHECK(t.failure());
        CHECK(t.waiting());
    }
    check();
    {
        auto t = p.begin();
        auto moved = std::move(t);
        CHECK(moved.failure());
        auto again = std::move(moved);
        clock.advance(10ms);
        CHECK(again.resume());
        std::optional kept = std::move(again);
        kept.reset();
        check();
    }
    check();
    {
        auto t = p.begin();
        CHECK(!t.success());
    }
    check();
}
} // namespace

TEST_CASE("a ticket that is dropped gives back its permit") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1h) | thrice | keel::named<"permits">(permits), clock};
    drop_everywhere(p, clock, [&] { CHECK(p.get<"permits">().in_flight() == 0); });
    keel::pipeline around{keel::named<"permits">(permits) | keel::timeout(1h) | thrice, clock};
    drop_everywhere(around, clock, [&] { CHECK(around.get<"permits">().in_flight() == 0); });
    keel::pipeline cold{support::cold_only{permits} | thrice | keel::named<"permits">(permits), clock};
    drop_everywhere(cold, clock, [&] { CHECK(cold.get<"permits">().in_flight() == 0); });
    CHECK(cold.begin()); // which the other bulkhead let in
}

TEST_CASE("a ticket that is dropped leaves no call in a limit, and no request in a throttle") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | keel::named<"limit">(keel::limit<keel::aimd>) |
                         keel::named<"throttle">(keel::throttle({.k = 1e6})),
                     clock};
    CHECK(!p.begin().success()); // or the throttle would leave out some of those that follow a failure
    drop_everywhere(p, clock, [&] { CHECK(p.get<"limit">().in_flight() == 0); });
    // Three attempts that failed and two that succeeded are left.
    CHECK(p.get<"throttle">().stats().requests == 5);
    CHECK(p.get<"throttle">().stats().accepts == 2);
}

TEST_CASE("a ticket that is dropped is ignored by a breaker, and its probe free again") {
    keel::manual_clock clock;
    keel::pipeline p{opens_at_once, clock};
    static_cast<void>(p.begin().failure());
    clock.advance(10s);
    for (int i = 0; i < 3; ++i) {
        auto probe = p.begin();
        CHECK(probe);
        CHECK(p.begin().error() == errc::circuit_open);
    }
    CHECK(p.circuit().state() == circuit_state::half_open);
    CHECK(p.circuit().stats().totals.ignored == 3);
    CHECK(!p.begin().success());
    CHECK(p.circuit().state() == circuit_state::closed);
}

TEST_CASE("a ticket that is dropped is no longer overdue") {
    keel::manual_clock clock;
    constexpr auto counts_overdue = keel::breaker<keel::basic_sliding_window<{.count_overdue = true}>>(
        {.window = {.calls = 10}, .minimum_calls = 1, .slow_call = {.longer_than = 1s, .rate = 0.5}});
    keel::pipeline p{counts_overdue, clock};
    {
        const auto dropped = p.begin();
    }
    clock.advance(2s);
    CHECK(!p.begin().success());
    CHECK(p.circuit().state() == circuit_state::closed);
    auto hangs = p.begin();
    clock.advance(2s);
    static_cast<void>(p.begin());
    CHECK(p.circuit().state() == circuit_state::open);
}

TEST_CASE("a ticket that is dropped in its wait leaves the line") {
    keel::manual_clock clock;
    keel::pipeline p{keel::named<"outer">(keel::bulkhead({.permits = 3})) | keel::named<"queue">(queue), clock};
    auto holds = p.begin();
    {
        auto waits = p.begin();
        CHECK(waits.waiting());
        auto moved = std::move(waits);
        CHECK(p.get<"queue">().waiting() == 1);
        CHECK(p.get<"outer">().in_flight() == 2);
    }
    CHECK(p.get<"queue">().waiting() == 0);
    CHECK(p.get<"outer">().in_flight() == 1);
    {
        auto waits = p.begin(), next = p.begin();
        CHECK(!holds.success()); // so the permit is that of `waits`, which does not know it yet
        CHECK(p.get<"queue">().waiting() == 1);
        auto first = std::move(waits);
        static_cast<void>(std::optional(std::move(first)));
        clock.advance(next.delay());
        CHECK(next.resume());
    }
    CHECK(p.get<"queue">().in_flight() == 0);
    CHECK(p.get<"outer">().in_flight() == 0);
}

TEST_CASE("a ticket that is dropped in its wait gives its turn of a rate limit back") {
    keel::manual_clock clock;
    keel::pipeline p{keel::named<"limit">(keel::rate_limit({.rate = 1, .per = 1s, .burst = 1, .max_wait = 1h})), clock};
    auto t = p.begin();
    {
        auto waits = p.begin();
        CHECK(waits.delay() == 1s);
    }
    auto next = p.begin();
    CHECK(next.delay() == 1s);
    clock.advance(1s);
    CHECK(next.resume());
}
