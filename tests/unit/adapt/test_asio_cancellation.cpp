// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/chaos.hpp>
#include <keel/error.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <stdexcept>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::cancellation_type;
using keel::async;
using keel::errc;
using support::started;
using support::virtual_world;
namespace this_coro = boost::asio::this_coro;

namespace {

constexpr auto opens_at_once =
    keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s, .half_open_calls = 1});
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});

/// Cancels `it` at that time, after all else that happens then.
void cancel_at(virtual_world& world, started& it, keel::nanos at,
               cancellation_type type = cancellation_type::terminal) {
    world.start([&, at, type]() -> awaitable<void> {
        co_await world.sleep(at);
        it.cancel(type);
    });
}

} // namespace

TEST_CASE("the caller's cancellation ends an attempt at once, and counts as ignored") {
    for (const auto type : {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total}) {
        for (const bool timed : {false, true}) {
            virtual_world world;
            keel::pipeline plain{thrice | keel::named<"permits">(keel::bulkhead) | opens_at_once, world.clock};
            keel::pipeline bounded{keel::timeout(1s) | thrice | keel::named<"permits">(keel::bulkhead) | opens_at_once,
                                   world.clock};
            int attempts = 0;
            started& it = world.start([&]() -> awaitable<void> {
                co_await this_coro::reset_cancellation_state(boost::asio::enable_total_cancellation());
                const auto slow = [&]() -> awaitable<void> {
                    ++attempts;
                    co_await world.sleep(1h);
                };
                if (timed)
                    co_await async(bounded, slow);
                else
                    co_await async(plain, slow);
            });
            cancel_at(world, it, 5ms, type);
            world.run();
            CHECK(it.was_aborted());
            CHECK(attempts == 1);
            CHECK(world.elapsed() == 5ms);
            const auto check = [](auto& p) {
                CHECK(p.template get<"permits">().in_flight() == 0);
                CHECK(p.circuit().stats().totals.ignored == 1);
                CHECK(p.circuit().state() == keel::circuit_state::closed);
            };
            timed ? check(bounded) : check(plain);
        }
    }
}

TEST_CASE("a cancellation of a type that the caller does not let through does nothing") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s) | opens_at_once, world.clock};
    started& it = world.start(
        [&]() -> awaitable<void> { co_await async(p, [&]() -> awaitable<void> { co_await world.sleep(10ms); }); });
    cancel_at(world, it, 5ms, cancellation_type::total);
    cancel_at(world, it, 6ms, cancellation_type::partial);
    world.run();
    CHECK(!it.thrown());
    CHECK(world.elapsed() == 10ms);
}

TEST_CASE("cancelled between attempts, the call ends with operation_aborted") {
    virtual_world world;
    keel::pipeline p{thrice, world.clock};
    int attempts = 0;
    started& it = world.start([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> {
            ++attempts;
            co_await world.sleep(1ms);
            throw std::runtime_error("no");
        });
    });
    cancel_at(world, it, 5ms);
    world.run();
    CHECK(it.was_aborted());
    CHECK(attempts == 1);
    CHECK(world.elapsed() == 5ms);
}

TEST_CASE("waits for a permit, a turn or an injected latency end when the caller cancels") {
    virtual_world world;
    keel::pipeline line{keel::named<"permits">(keel::bulkhead({.permits = 1, .max_wait = 1h})), world.clock};
    keel::pipeline rate{keel::rate_limit({.rate = 1, .per = 1s, .burst = 1, .max_wait = 1h}), world.clock};
    keel::pipeline chaos{keel::chaos({.rate = 1}).latency(1h) | opens_at_once, world.clock};
    int ran = 0;
    const auto quick = [&]() -> awaitable<void> {
        ++ran;
        co_return;
    };
    const auto long_one = [&]() -> awaitable<void> { co_await world.sleep(20ms); };
    const started& first = world.start([&]() -> awaitable<void> { co_await async(line, long_one); });
    world.in([&]() -> awaitable<void> { co_await async(rate, long_one); });
    world.start([&]() -> awaitable<void> { co_await async(line, long_one); });

    started* all[] = {&world.start([&]() -> awaitable<void> { co_await async(line, quick); }),
                      &world.start([&]() -> awaitable<void> { co_await async(rate, quick); }),
                      &world.start([&]() -> awaitable<void> { co_await async(chaos, quick); })};
    for (started* each : all)
        cancel_at(world, *each, 5ms);
    started& next = world.start([&]() -> awaitable<void> {
        co_await world.sleep(6ms);
        CHECK(line.get<"permits">().waiting() == 0);
        CHECK(chaos.circuit().stats().totals.calls == 0);
        co_await async(rate, quick);
        CHECK(world.elapsed() == 1s); // the turn of who left is free again
    });
    world.run();
    CHECK(first.has_ended());
    for (const started* each : all)
        CHECK(each->was_aborted());
    CHECK(next.has_ended());
    CHECK(!next.thrown());
    CHECK(ran == 1);
    CHECK(line.get<"permits">().in_flight() == 0);
}

TEST_CASE("a probe that is cancelled leaves the circuit half-open, and its place to the next one") {
    for (const bool timed : {false, true}) {
        virtual_world world;
        keel::pipeline plain{opens_at_once, world.clock};
        keel::pipeline bounded{keel::timeout(1s) | opens_at_once, world.clock};
        const auto check = [&](auto& p) {
            p.circuit().half_open();
            started& it = world.start([&]() -> awaitable<void> {
                co_await async(p, [&]() -> awaitable<void> { co_await world.sleep(1h); });
            });
            cancel_at(world, it, 5ms);
            world.run();
            CHECK(it.was_aborted());
            CHECK(p.circuit().state() == keel::circuit_state::half_open);
            world.in([&]() -> awaitable<void> { co_await async(p, []() -> awaitable<void> { co_return; }); });
            CHECK(p.circuit().state() == keel::circuit_state::closed);
        };
        timed ? check(bounded) : check(plain);
    }
}

TEST_CASE("a call that begins cancelled makes its attempt, whose failure counts as ignored") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s) | thrice | opens_at_once, world.clock};
    int attempts = 0;
    started& it = world.start([&]() -> awaitable<void> {
        co_await this_coro::throw_if_cancelled(false);
        try {
            co_await world.sleep(1h);
        } catch (const boost::system::system_error&) {
        }
        CHECK((co_await this_coro::cancellation_state).cancelled() != cancellation_type::none);
        const auto fails = [&]() -> awaitable<support::result> {
            ++attempts;
            co_return support::bad();
        };
        CHECK(co_await async(p, fails) == support::bad());
        keel::pipeline waits{keel::chaos({.rate = 1}).latency(1s), world.clock};
        CHECK((co_await async(waits, fails)).error() == std::errc::operation_canceled);
    });
    cancel_at(world, it, 5ms);
    world.run();
    CHECK(it.has_ended());
    CHECK(!it.thrown());
    CHECK(attempts == 1);
    CHECK(p.circuit().stats().totals.ignored == 1);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

TEST_CASE("an attempt that succeeds though it is cancelled is a success, and any failure of it is ignored") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s) | thrice | opens_at_once, world.clock};
    int value = 0;
    started& good = world.start([&]() -> awaitable<void> {
        value = co_await async(p, [&]() -> awaitable<int> {
            try {
                co_await world.sleep(1h);
            } catch (const boost::system::system_error&) {
            }
            co_return 7;
        });
    });
    cancel_at(world, good, 5ms);
    world.run();
    CHECK(!good.thrown());
    CHECK(value == 7);
    bool own = false;
    started& bad = world.start([&]() -> awaitable<void> {
        try {
            co_await async(p, [&]() -> awaitable<void> {
                try {
                    co_await world.sleep(1h);
                } catch (const boost::system::system_error&) {
                    throw std::runtime_error("of its own");
                }
            });
        } catch (const std::runtime_error& e) {
            own = e.what() == std::string("of its own");
        }
    });
    cancel_at(world, bad, 5ms);
    world.run();
    CHECK(bad.has_ended());
    CHECK(own);
    CHECK(p.circuit().stats().totals.ignored == 1);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

TEST_CASE("an operation that somebody else cancels says nothing about the callee") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s) | thrice | opens_at_once, world.clock};
    boost::asio::steady_timer never(world.context, std::chrono::steady_clock::time_point::max());
    int attempts = 0;
    const started& it = world.start([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> {
            ++attempts;
            co_await never.async_wait(boost::asio::deferred);
        });
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(1ms);
        never.cancel();
    });
    world.run();
    CHECK(it.was_aborted());
    CHECK(attempts == 1);
    CHECK(p.circuit().stats().totals.ignored == 1);
}
