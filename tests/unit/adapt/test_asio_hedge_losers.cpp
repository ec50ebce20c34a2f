// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/diary.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/context.hpp>
#include <keel/hedge.hpp>
#include <keel/limit.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/throttle.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using keel::hedge;
using keel::named;
using support::diary;
using support::virtual_world;
namespace this_coro = boost::asio::this_coro;

namespace {

constexpr auto after_50ms = hedge({.delay = 50ms, .extra = 2});
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto opens_at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s});

} // namespace

TEST_CASE("losers count as ignored in every policy inside the hedge, and give back what they took") {
    virtual_world world;
    diary d(world);
    keel::retry_budget budget{{.max_tokens = 10, .ratio = 1}};
    for (int i = 0; i < 3; ++i)
        budget.failure();
    keel::pipeline p{after_50ms | keel::retry<>({.attempts = 3, .budget = &budget}) | named<"b">(keel::bulkhead) |
                         named<"l">(keel::limit<>) | named<"t">(keel::throttle) | keel::breaker<keel::sliding_window>,
                     world.clock};
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(105ms);
        CHECK(p.get<"b">().in_flight() == 3);
        CHECK(p.get<"l">().in_flight() == 3);
        CHECK(p.get<"t">().stats().requests == 3);
    });
    CHECK(d.call(p, {1000, 60, 1000}) == 2);
    CHECK(d.text() == "0 +1, 50 +2, 100 +3, 110 =2, 110 x1, 110 x3");
    CHECK(p.get<"b">().in_flight() == 0);
    CHECK(p.get<"l">().in_flight() == 0);
    CHECK(p.get<"t">().stats().requests == 1);
    CHECK(p.get<"t">().stats().accepts == 1);
    CHECK(budget.tokens() == 8);
    const auto totals = p.circuit().stats().totals;
    CHECK(totals.calls == 3);
    CHECK(totals.successes == 1);
    CHECK(totals.ignored == 2);
}

TEST_CASE("losers that fail because they are cancelled open no circuit, and are not retried") {
    virtual_world world;
    keel::pipeline p{after_50ms | thrice | opens_at_once, world.clock};
    int attempts = 0, failures = 0;
    world.in([&]() -> awaitable<void> {
        co_await async(p, [&](const context& c) -> awaitable<void> {
            ++attempts;
            try {
                co_await world.sleep(c.attempt() == 3 ? 1ms : 1h);
            } catch (const boost::system::system_error&) {
                ++failures;
                throw std::runtime_error("of its own");
            }
        });
    });
    CHECK(attempts == 3);
    CHECK(failures == 2);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
    CHECK(p.circuit().stats().totals.ignored == 2);
}

TEST_CASE(
    "the end of a loser that does not heed its cancellation is awaited, and it counts as ignored however it ends") {
    for (const bool succeeds : {true, false}) {
        for (const bool timed : {true, false}) {
            virtual_world world;
            const auto inner = named<"b">(keel::bulkhead) | keel::breaker<keel::sliding_window>;
            keel::pipeline plain{after_50ms | inner, world.clock};
            keel::pipeline bounded{after_50ms | keel::timeout(1s) | inner, world.clock};
            bool has_ended = false;
            const auto check = [&](auto& p) {
                world.in([&]() -> awaitable<void> {
                    const int won = co_await async(p, [&](const context& c) -> awaitable<int> {
                        const std::uint32_t n = c.attempt();
                        if (n == 2) {
                            co_await world.sleep(10ms);
                            co_return 2;
                        }
                        co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
                        co_await world.sleep(200ms);
                        has_ended = true;
                        if (!succeeds) throw std::runtime_error("no");
                        co_return 1;
                    });
                    CHECK(won == 2);
                    CHECK(has_ended);
                    CHECK(world.elapsed() == 200ms);
                });
                CHECK(p.template get<"b">().in_flight() == 0);
                const auto totals = p.circuit().stats().totals;
                CHECK(totals.successes == 1);
                CHECK(totals.failures == 0);
                CHECK(totals.ignored == 1);
            };
            timed ? check(bounded) : check(plain);
        }
    }
}

TEST_CASE("a loser whose own deadline passes after it has lost is ignored; one that was late before counts as late") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 50ms}) | keel::timeout(80ms) | keel::breaker<keel::sliding_window>, world.clock};
    const auto call = [&](keel::nanos second) {
        world.in([&]() -> awaitable<void> {
            co_await async(p, [&](const context& c) -> awaitable<void> {
                if (c.attempt() == 2) {
                    co_await world.sleep(second);
                    co_return;
                }
                co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
                co_await world.sleep(200ms);
            });
        });
        return p.circuit().stats().totals;
    };
    CHECK(call(20ms).ignored == 1);
    CHECK(call(20ms).failures == 0);
    keel::pipeline q{hedge({.delay = 50ms}) | keel::timeout(80ms) | keel::breaker<keel::sliding_window>, world.clock};
    world.in([&]() -> awaitable<void> {
        co_await async(q, [&](const context& c) -> awaitable<void> {
            co_await world.sleep(c.attempt() == 1 ? 1h : 40ms); // to 80 ms and to 90
        });
    });
    CHECK(q.circuit().stats().totals.failures == 1);
    CHECK(q.circuit().stats().totals.successes == 1);
}

TEST_CASE("of two that end at one time, one wins and the other one is ignored") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{after_50ms | keel::breaker<keel::sliding_window>, world.clock};
    CHECK(d.call(p, {60, 10}) == 1);
    CHECK(d.text().starts_with("0 +1, 50 +2, 60 =1, 60 "));
    CHECK(p.circuit().stats().totals.successes == 1);
    CHECK(p.circuit().stats().totals.ignored == 1);
}

TEST_CASE("losers leave the waits of the policies inside at once, and their places and turns are free again") {
    virtual_world world;
    diary d(world);
    keel::pipeline line{after_50ms | named<"b">(keel::bulkhead({.permits = 1, .max_wait = 1h})), world.clock};
    CHECK(d.call(line, {120}) == 1);
    CHECK(d.text() == "0 +1, 120 =1");
    CHECK(line.get<"b">().in_flight() == 0);
    CHECK(line.get<"b">().waiting() == 0);
    CHECK(world.elapsed() == 120ms);

    keel::pipeline rate{hedge({.delay = 50ms}) | keel::rate_limit({.rate = 1, .per = 1s, .burst = 1, .max_wait = 1h}),
                        world.clock};
    world.clock.advance(10s);
    CHECK(d.call(rate, {120}) == 1);
    static_cast<void>(d.text());
    CHECK(d.call(rate, {1}) == 1);
    CHECK(d.text() == "880 +1, 881 =1"); // 1 s after the first, though another one had waited for that turn

    keel::pipeline again{hedge({.delay = 50ms}) | keel::retry<keel::constant>({.backoff = {.every = 1h}}), world.clock};
    CHECK(d.call(again, {-10, 20}) == 2);
}

TEST_CASE("a loser's result is destroyed, and no winner's is lost") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 50ms}), world.clock};
    world.in([&]() -> awaitable<void> {
        const std::unique_ptr<int> got = co_await async(p, [&](const context& c) -> awaitable<std::unique_ptr<int>> {
            const std::uint32_t n = c.attempt();
            if (n == 1) co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
            co_await world.sleep(n == 1 ? 100ms : 10ms);
            co_return std::make_unique<int>(static_cast<int>(n));
        });
        CHECK(*got == 2);
    });
}

TEST_CASE("an extra attempt that has not begun to run when the race is over never does") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 0ms})), world.clock};
    int attempts = 0;
    world.in([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> {
            ++attempts;
            co_await world.sleep(0ms);
        });
    });
    CHECK(attempts == 1);
    CHECK(p.get<"h">().won() == 0);
}
