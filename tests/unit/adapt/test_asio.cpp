// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/error.hpp>
#include <keel/fallback.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <concepts>
#include <expected>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::errc;
using support::virtual_world;

namespace {

constexpr auto opens_at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s});
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto chain = keel::timeout(1s) | thrice | opens_at_once;

/// What `co_await` gives for it.
template <class A>
struct gives;
template <class T>
struct gives<awaitable<T>> : std::type_identity<T> {};

enum class problem { disk_full = 1 };

/// A result that can be neither copied nor made by default.
struct ticket {
    explicit ticket(int of)
      : number(std::make_unique<int>(of)) {}
    std::unique_ptr<int> number;
};

awaitable<void> later() { co_await boost::asio::post(boost::asio::deferred); }

} // namespace

TEST_CASE("co_await gives what the function's coroutine gives") {
    virtual_world world;
    keel::pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        CHECK(co_await async(p, []() -> awaitable<int> { co_return 42; }) == 42);
        CHECK(co_await async(p, []() -> awaitable<std::string> {
                  co_await later();
                  co_return "later";
              }) == "later");
        int n = 0;
        co_await async(p, [&]() -> awaitable<void> {
            co_await later();
            ++n;
        });
        CHECK(n == 1);
        const ticket t = co_await async(p, []() -> awaitable<ticket> {
            co_await later();
            co_return ticket(7);
        });
        CHECK(*t.number == 7);
    });
    CHECK(p.circuit().stats().totals.failures == 0);
}

TEST_CASE("an expected with an error that can hold a rejection is given back as it is") {
    virtual_world world;
    keel::pipeline p{opens_at_once, world.clock};
    using result = support::result;
    const auto call = [&](result r) { return async(p, [r]() -> awaitable<result> { co_return r; }); };
    static_assert(std::same_as<gives<decltype(call(1))>::type, result>);
    world.in([&]() -> awaitable<void> {
        CHECK(co_await call(support::good()) == support::good());
        CHECK(co_await call(support::cancelled()) == support::cancelled());
        CHECK(p.circuit().stats().totals.ignored == 1);
        CHECK(co_await call(support::bad()) == support::bad());
        const result refused = co_await call(1);
        REQUIRE(!refused);
        CHECK(refused.error() == support::refused);
    });
}

TEST_CASE("an error code is a failure, and can be a rejection") {
    virtual_world world;
    keel::pipeline p{opens_at_once, world.clock};
    const auto call = [&](std::error_code e) {
        return async(p, [e]() -> awaitable<std::error_code> {
            co_await later();
            co_return e;
        });
    };
    world.in([&]() -> awaitable<void> {
        CHECK(!co_await call({}));
        CHECK(co_await call(std::make_error_code(std::errc::io_error)) == std::errc::io_error);
        CHECK(co_await call({}) == errc::circuit_open);
    });
}

TEST_CASE("an error that can't hold a rejection is widened to one of this chain's") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s) | opens_at_once, world.clock};
    using raw = std::expected<ticket, problem>;
    using wide = std::expected<ticket, keel::error_of<problem, errc::timed_out, errc::circuit_open>>;
    const auto call = [&](bool fails) {
        return async(p, [fails]() -> awaitable<raw> {
            if (fails) co_return std::unexpected(problem::disk_full);
            co_return ticket(3);
        });
    };
    static_assert(std::same_as<gives<decltype(call(true))>::type, wide>);
    world.in([&]() -> awaitable<void> {
        const wide good = co_await call(false);
        CHECK(*good.value().number == 3);
        const wide bad = co_await call(true);
        CHECK(*bad.error().error() == problem::disk_full);
        const wide refused = co_await call(false);
        CHECK(refused.error().reason() == errc::circuit_open);
        CHECK(refused.error().retry_after() == 10s);
    });
}

TEST_CASE("an expected with Boost's error code holds rejections too, and says what Asio's operations say") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s) | opens_at_once, world.clock};
    using result = std::expected<void, boost::system::error_code>;
    const auto call = [&](boost::system::error_code e) {
        return async(p, [e]() -> awaitable<result> {
            if (e) co_return std::unexpected(e);
            co_return result();
        });
    };
    static_assert(std::same_as<gives<decltype(call({}))>::type, result>);
    world.in([&]() -> awaitable<void> {
        CHECK((co_await call({})).has_value());
        CHECK((co_await call(support::aborted)).error() == support::aborted);
        CHECK(p.circuit().stats().totals.ignored == 1);
        const boost::system::error_code reset = boost::asio::error::connection_reset;
        CHECK((co_await call(reset)).error() == reset);
        CHECK((co_await call({})).error() == errc::circuit_open);
    });
}

TEST_CASE("an exception passes through unchanged, and counts") {
    virtual_world world;
    keel::pipeline keep_trying{keel::timeout(1s) | thrice, world.clock};
    int attempts = 0;
    const std::exception* last = nullptr;
    world.in([&]() -> awaitable<void> {
        bool caught = false;
        try {
            co_await async(keep_trying, [&]() -> awaitable<int> {
                co_await later();
                ++attempts;
                try {
                    throw std::runtime_error("no");
                } catch (const std::exception& e) {
                    last = &e;
                    throw;
                }
            });
        } catch (const std::runtime_error& e) {
            caught = &e == last; // the very object
        }
        CHECK(caught);
        CHECK(attempts == 3);
        CHECK(world.elapsed() == 20ms);
    });
}

TEST_CASE("a rejection is thrown where the result can't say so, and says when to come again") {
    virtual_world world;
    keel::pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        p.circuit().open();
        int ran = 0;
        try {
            co_await async(p, [&]() -> awaitable<void> {
                ++ran;
                co_return;
            });
        } catch (const keel::rejected& r) {
            CHECK(r.reason() == errc::circuit_open);
            CHECK(r.retry_after() == 10s);
            --ran;
        }
        CHECK(ran == -1);
        CHECK(world.elapsed() == 0ns);
    });
}

TEST_CASE("policies that answer answer coroutines") {
    virtual_world world;
    keel::pipeline p{keel::fallback(7) | opens_at_once, world.clock};
    world.in([&]() -> awaitable<void> {
        CHECK(co_await async(p, []() -> awaitable<int> { throw std::runtime_error("no"); }) == 7);
    });
}
