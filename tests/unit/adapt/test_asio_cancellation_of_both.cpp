// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/error.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <expected>
#include <stdexcept>
#include <system_error>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::cancellation_type;
using keel::async;
using keel::errc;
using support::started;
using support::virtual_world;
namespace this_coro = boost::asio::this_coro;

namespace {

constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
enum class problem { disk_full = 1 };

/// What a call whose attempts fail with `failure`, and which is cancelled while it waits for the next one, returns.
template <class Result>
Result cancelled_in_a_wait(const Result& failure) {
    virtual_world world;
    keel::pipeline p{thrice, world.clock};
    std::optional<Result> got;
    started& it = world.start(
        [&]() -> awaitable<void> { got = co_await async(p, [&]() -> awaitable<Result> { co_return failure; }); });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(5ms);
        it.cancel();
    });
    world.run();
    REQUIRE(it.has_ended());
    if (it.thrown()) std::rethrow_exception(it.thrown());
    return *got;
}

} // namespace

TEST_CASE("a result that can say that it was cancelled does so") {
    CHECK(cancelled_in_a_wait(support::bad()).error() == std::errc::operation_canceled);
    CHECK(cancelled_in_a_wait(std::make_error_code(std::errc::io_error)) == std::errc::operation_canceled);
    using of_boost = std::expected<int, boost::system::error_code>;
    CHECK(cancelled_in_a_wait(of_boost(std::unexpect, boost::asio::error::eof)).error() == support::aborted);
    using silent = std::expected<int, errc>;
    CHECK_THROWS_AS(cancelled_in_a_wait(silent(std::unexpect, errc::timed_out)), boost::system::system_error);
}

TEST_CASE("an attempt that is cancelled by its deadline and by its caller at one time is late, and the last one") {
    for (const bool caller_first : {false, true}) {
        virtual_world world;
        keel::pipeline p{thrice | keel::timeout(50ms), world.clock};
        int attempts = 0;
        std::optional<support::result> got;
        started& it = world.start([&]() -> awaitable<void> {
            got = co_await async(p, [&]() -> awaitable<support::result> {
                ++attempts;
                co_await world.sleep(1h);
                co_return 1;
            });
        });
        world.start([&]() -> awaitable<void> {
            co_await world.sleep(50ms);
            if (!caller_first) co_await boost::asio::post(boost::asio::deferred);
            it.cancel();
        });
        world.run();
        REQUIRE(it.has_ended());
        CHECK(attempts == 1);
        CHECK(world.elapsed() == 50ms);
        CHECK(!it.thrown());
        REQUIRE(got);
        CHECK(got->error() == std::errc::operation_canceled);
    }
}

TEST_CASE("a call that is cancelled while a late attempt ends makes no other") {
    virtual_world world;
    keel::pipeline p{thrice | keel::timeout(50ms), world.clock};
    int attempts = 0;
    std::optional<support::result> got;
    started& it = world.start([&]() -> awaitable<void> {
        got = co_await async(p, [&]() -> awaitable<support::result> {
            ++attempts;
            co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
            co_await world.sleep(70ms);
            co_return 1;
        });
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(60ms);
        it.cancel();
    });
    world.run();
    REQUIRE(it.has_ended());
    CHECK(attempts == 1);
    CHECK(world.elapsed() == 70ms);
    CHECK(!it.thrown());
    REQUIRE(got);
    CHECK(got->error() == std::errc::operation_canceled);
}

TEST_CASE("a function may set its cancellation state, which is its own up to its end") {
    virtual_world world;
    keel::pipeline p{keel::timeout(50ms), world.clock};
    started& it = world.start([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> {
            co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
            co_await world.sleep(20ms); // in which the caller cancels
            co_await this_coro::reset_cancellation_state(boost::asio::enable_total_cancellation());
        });
        CHECK(world.elapsed() == 20ms);
        CHECK((co_await this_coro::cancellation_state).cancelled() == cancellation_type::terminal);
        co_await this_coro::reset_cancellation_state();
        CHECK_THROWS_AS(co_await async(p,
                                       [&]() -> awaitable<void> {
                                           co_await this_coro::reset_cancellation_state(
                                               boost::asio::enable_total_cancellation());
                                           co_await world.sleep(1h);
                                       }),
                        keel::rejected);
        CHECK(world.elapsed() == 70ms);
        co_await world.sleep(1h); // until the caller cancels again
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(10ms);
        it.cancel();
        co_await world.sleep(80ms);
        it.cancel();
    });
    world.run();
    CHECK(it.was_aborted());
    CHECK(world.elapsed() == 90ms);
}

TEST_CASE("two cancellations at once are one") {
    virtual_world world;
    keel::pipeline p{keel::timeout(50ms), world.clock};
    int aborted = 0;
    started& it = world.start([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> {
            try {
                co_await world.sleep(1h);
            } catch (const boost::system::system_error&) {
                ++aborted;
                throw;
            }
        });
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(10ms);
        it.cancel();
        it.cancel();
    });
    world.run();
    CHECK(it.was_aborted());
    CHECK(aborted == 1);
}
