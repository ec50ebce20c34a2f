// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/diary.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/context.hpp>
#include <keel/error.hpp>
#include <keel/fallback.hpp>
#include <keel/hedge.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using keel::errc;
using keel::hedge;
using keel::named;
using support::diary;
using support::virtual_world;

namespace {

constexpr auto twice = keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 10ms}});

/// The rejection that a call of `d.call` ends with.
template <class P>
errc rejection_of(diary& d, P& p, const std::vector<int>& lasts) {
    try {
        d.call(p, lasts);
    } catch (const keel::rejected& e) {
        return e.reason();
    }
    return {};
}

/// Not keel's, and without a rejection: remembers what the calls inside it came to.
struct watching {
    static constexpr std::array<errc, 0> rejections{};
    std::vector<std::uint32_t>* attempts;
    keel::admission admit(keel::call&, auto&) const { return keel::proceed; }
    keel::verdict settle(keel::call& c, auto&, auto&) const {
        attempts->push_back(c.attempt);
        return keel::verdict::keep();
    }
};

} // namespace

TEST_CASE("timeout | hedge: one deadline cancels all attempts, and none begins at it or later") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{keel::timeout(120ms) | named<"h">(hedge({.delay = 50ms, .extra = 5})) |
                         keel::breaker<keel::sliding_window>,
                     world.clock};
    CHECK(rejection_of(d, p, {1000, 1000, 1000}) == errc::timed_out);
    CHECK(d.text() == "0 +1, 50 +2, 100 +3, 120 x1, 120 x2, 120 x3");
    CHECK(p.circuit().stats().totals.failures == 3);
    keel::pipeline q{keel::timeout(100ms) | hedge({.delay = 50ms, .extra = 5}), world.clock};
    CHECK(rejection_of(d, q, {1000, 1000}) == errc::timed_out);
    CHECK(d.text() == "0 +1, 50 +2, 100 x1, 100 x2");
    CHECK(d.call(q, {1000, 49}) == 2);
    CHECK(d.text() == "0 +1, 50 +2, 99 =2, 99 x1");
    keel::pipeline r{keel::timeout(100ms) | hedge({.delay = 100ms}), world.clock};
    CHECK(rejection_of(d, r, {1000}) == errc::timed_out);
    CHECK(d.text() == "0 +1, 100 x1");
}

TEST_CASE("the deadline of the caller bounds the attempts of a hedge as well") {
    virtual_world world;
    diary d(world);
    keel::pipeline outer{keel::timeout(70ms), world.clock};
    keel::pipeline inner{hedge({.delay = 50ms, .extra = 5}), world.clock};
    world.in([&]() -> awaitable<void> {
        bool was_late = false;
        try {
            co_await async(outer, [&](const context& c) -> awaitable<int> {
                return async(inner, c, [&](const context& mine) -> awaitable<int> { return d.attempt(mine, 1h); });
            });
        } catch (const keel::rejected& e) {
            was_late = e.reason() == errc::timed_out;
        }
        CHECK(was_late);
    });
    CHECK(d.text() == "0 +1, 50 +2, 70 x1, 70 x2");
}

TEST_CASE("hedge | timeout: each attempt has a deadline of its own, and one that is late is followed by another") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{hedge({.delay = 50ms, .extra = 3}) | keel::timeout(70ms) | keel::breaker<keel::sliding_window>,
                     world.clock};
    CHECK(d.call(p, {1000, 1000, 1000, 5}) == 4);
    CHECK(d.text() == "0 +1, 50 +2, 70 x1, 70 +3, 120 x2, 120 +4, 125 =4, 125 x3");
    CHECK(p.circuit().stats().totals.failures == 2);
    CHECK(p.circuit().stats().totals.ignored == 1);
    CHECK(rejection_of(d, p, {1000, 1000, 1000, 1000}) == errc::timed_out);
}

TEST_CASE("hedge | retry: each attempt of the hedge is a retry of its own") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 1})) | twice, world.clock};
    CHECK(d.call(p, {-45, -100, -20, 1}) == 4);
    CHECK(d.text() == "0 +1, 45 =1, 50 +2, 55 +3, 75 =3, 150 =2, 160 +4, 161 =4");
    CHECK(p.get<"h">().started() == 1);
}

TEST_CASE("hedge | retry: a lost retry ends in its wait, and makes no other attempt") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{hedge({.delay = 50ms, .extra = 1}) | twice, world.clock};
    CHECK(d.call(p, {-58, 15}) == 2);
    CHECK(d.text() == "0 +1, 50 +2, 58 =1, 65 =2");
    CHECK(world.elapsed() == 65ms);
}

TEST_CASE("retry | hedge: the whole race is run again, and attempts are numbered through") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{twice | named<"h">(hedge({.delay = 50ms, .extra = 1})), world.clock};
    CHECK(d.call(p, {-60, -20, 60, 5}) == 4);
    CHECK(d.text() == "0 +1, 50 +2, 60 =1, 70 =2, 80 +3, 130 +4, 135 =4, 135 x3");
    CHECK(p.get<"h">().started() == 2);
    CHECK(p.get<"h">().won() == 1);
    CHECK(d.call(p, {-60, -20, -60, -5}) == -3);
    CHECK(d.text() == "0 +1, 50 +2, 60 =1, 70 =2, 80 +3, 130 +4, 135 =4, 140 =3");
}

TEST_CASE("policies around a hedge know how many attempts have been made") {
    virtual_world world;
    diary d(world);
    std::vector<std::uint32_t> made;
    keel::pipeline p{watching{&made} | hedge({.delay = 50ms, .extra = 2}), world.clock};
    CHECK(d.call(p, {-10, -10, 10}) == 3);
    CHECK(d.call(p, {10}) == 1);
    CHECK(made == std::vector<std::uint32_t>{3, 1});
}

TEST_CASE("fallback | hedge answers once all attempts have failed; in a hedge an answer is a success") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{keel::fallback(7) | hedge({.delay = 50ms, .extra = 1}), world.clock};
    CHECK(d.call(p, {-60, -20}) == 7);
    CHECK(d.text() == "0 +1, 50 +2, 60 =1, 70 =2");
    CHECK(d.call(p, {-60, 20}) == 2);
    static_cast<void>(d.text());
    keel::pipeline q{hedge({.delay = 50ms, .extra = 1}) | keel::fallback(7), world.clock};
    CHECK(d.call(q, {-60, 20}) == 7);
    CHECK(d.text() == "0 +1, 50 +2, 60 =1, 60 x2");
}

TEST_CASE("hedge | breaker: what an open circuit refuses starts nothing, and does not end what runs") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 2})) |
                         keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s}),
                     world.clock};
    p.circuit().force_open();
    CHECK(rejection_of(d, p, {}) == errc::circuit_open);
    CHECK(p.get<"h">().started() == 0);
    CHECK(world.elapsed() == 0ms);
    p.circuit().reset();
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(20ms);
        p.circuit().force_open();
    });
    CHECK(d.call(p, {200}) == 1);
    CHECK(d.text() == "0 +1, 200 =1");
    CHECK(p.get<"h">().started() == 2);
    // The failure of the first opens the circuit, and what comes out is the refusal of the one that it starts.
    p.circuit().reset();
    CHECK(rejection_of(d, p, {-10}) == errc::circuit_open);
    CHECK(d.text() == "0 +1, 10 =1");
    CHECK(p.get<"h">().started() == 3);
}

TEST_CASE("hedge | breaker: probes that lose give their permits back") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{hedge({.delay = 50ms, .extra = 2}) |
                         keel::breaker<keel::consecutive_failures>(
                             {.window = {.failures = 1}, .open_for = 10s, .half_open_calls = 2}),
                     world.clock};
    p.circuit().half_open();
    CHECK(d.call(p, {1000, 60}) == 2); // the third is refused
    CHECK(d.text() == "0 +1, 50 +2, 110 =2, 110 x1");
    CHECK(p.circuit().state() == keel::circuit_state::half_open);
    CHECK(p.circuit().stats().totals.rejected == 1);
    CHECK(d.call(p, {1}) == 1);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

TEST_CASE("what other policies refuse is a failure: the next attempt begins at once, as long as there are some") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 2})) | named<"b">(keel::bulkhead({.permits = 1})),
                     world.clock};
    CHECK(d.call(p, {120}) == 1);
    CHECK(d.text() == "0 +1, 120 =1");
    CHECK(p.get<"h">().started() == 2);
    world.start(
        [&]() -> awaitable<void> { co_await async(p, [&]() -> awaitable<void> { co_await world.sleep(1h); }); });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(1ms);
        CHECK_THROWS_AS(co_await async(p, []() -> awaitable<void> { co_return; }), keel::rejected);
        CHECK(world.elapsed() == 121ms);
    });
    world.run();
}

TEST_CASE("a failure that says nothing about the callee starts nothing") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 2})), world.clock};
    int attempts = 0;
    world.in([&]() -> awaitable<void> {
        const auto cancelled = [&]() -> awaitable<support::result> {
            ++attempts;
            co_return support::cancelled();
        };
        CHECK(co_await async(p, cancelled) == support::cancelled());
        CHECK(attempts == 1);
        const auto aborted = [&]() -> awaitable<void> {
            ++attempts;
            throw boost::system::system_error(boost::asio::error::operation_aborted);
            co_return;
        };
        CHECK_THROWS_AS(co_await async(p, aborted), boost::system::system_error);
        CHECK(attempts == 2);
        // Those that run go on, and may win.
        const auto second = [&](const context& c) -> awaitable<support::result> {
            const std::uint32_t n = c.attempt();
            co_await world.sleep(n == 1 ? 60ms : 30ms);
            co_return n == 1 ? support::cancelled() : support::result(2);
        };
        CHECK(co_await async(p, second) == 2);
        CHECK(world.elapsed() == 80ms);
    });
    CHECK(p.get<"h">().started() == 1);
}

TEST_CASE("no attempt begins once a stop is requested") {
    virtual_world world;
    diary d(world);
    struct {
        bool is_set = false;
        bool stop_requested() const noexcept { return is_set; }
    } stop;
    const context outer(stop);
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 3})), world.clock};
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(60ms);
        stop.is_set = true;
    });
    int failed = 0;
    world.in([&]() -> awaitable<void> {
        try {
            co_await async(p, outer,
                           [&](const context& c) -> awaitable<int> { return d.attempt_of(c, std::vector{-200, -70}); });
        } catch (const diary::failed& e) {
            failed = e.number;
        }
    });
    CHECK(failed == 1);
    CHECK(d.text() == "0 +1, 50 +2, 120 =2, 200 =1");
    CHECK(p.get<"h">().started() == 1);
}

TEST_CASE("calls inside the attempts of a hedge take their retries from those that a retry around it has left") {
    virtual_world world;
    keel::pipeline outer{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}) |
                             hedge({.delay = 5ms, .extra = 2}),
                         world.clock};
    keel::pipeline inner{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 100ms}}), world.clock};
    int runs = 0;
    world.in([&]() -> awaitable<void> {
        const auto nested = [&](const context& c) -> awaitable<support::result> {
            return async(inner, c, [&]() -> awaitable<support::result> {
                ++runs;
                co_return support::bad();
            });
        };
        CHECK(co_await async(outer, nested) == support::bad());
    });
    CHECK(runs == 3 + 2);
}

TEST_CASE("an extra attempt takes a token of the budget, and none begins unless more than half are left then") {
    virtual_world world;
    diary d(world);
    keel::retry_budget budget{{.max_tokens = 10, .ratio = 0.5}};
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 16, .budget = &budget})), world.clock};
    CHECK(d.call(p, {1000, 1000, 1000, 1000, 1000}) == 1);
    CHECK(d.text() == "0 +1, 50 +2, 100 +3, 150 +4, 200 +5, 1000 =1, 1000 x2, 1000 x3, 1000 x4, 1000 x5");
    CHECK(p.get<"h">().started() == 4);
    CHECK(budget.tokens() == 5.5); // the fifth has taken one, and was not started: 5 are no more than half
    CHECK(d.call(p, {1000}) == 1);
    CHECK(p.get<"h">().started() == 4);
    CHECK(budget.tokens() == 5);
    for (int i = 0; i < 3; ++i)
        CHECK(d.call(p, {1}) == 1);
    CHECK(budget.tokens() == 6.5);
    static_cast<void>(d.text());
    CHECK(d.call(p, {1000, 100}) == 2);
    CHECK(d.text() == "0 +1, 50 +2, 150 =2, 150 x1");
    CHECK(budget.tokens() == 5);
    CHECK(d.call(p, {-10}) == -1);
    CHECK(budget.tokens() == 5);
}

TEST_CASE("hedges and retries of several pipelines share a budget") {
    virtual_world world;
    diary d(world);
    keel::retry_budget budget{{.max_tokens = 10, .ratio = 0.5}};
    keel::pipeline retried{keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 1ms}, .budget = &budget}),
                           world.clock};
    keel::pipeline hedged{named<"h">(hedge({.delay = 50ms, .budget = &budget})), world.clock};
    CHECK(d.call(retried, {-1, -1}) == -2);
    CHECK(budget.tokens() == 8);
    CHECK(d.call(hedged, {1000, 10}) == 2);
    CHECK(budget.tokens() == 7.5); // one for the extra attempt, and half of one for the success
    CHECK(d.call(retried, {-1, -1}) == -2);
    static_cast<void>(d.text());
    CHECK(d.call(hedged, {1000, 10}) == 1);
    CHECK(d.text() == "0 +1, 1000 =1");
    CHECK(hedged.get<"h">().started() == 1);
}

TEST_CASE("a failure takes no token by itself, and a hedge without the tokens ends with the first failure") {
    virtual_world world;
    diary d(world);
    keel::retry_budget budget{{.max_tokens = 3}};
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 3, .budget = &budget})), world.clock};
    CHECK(d.call(p, {-10, -10}) == -2);
    CHECK(d.text() == "0 +1, 10 =1, 10 +2, 20 =2");
    CHECK(budget.tokens() == 1);
    CHECK(p.get<"h">().started() == 1);
}
