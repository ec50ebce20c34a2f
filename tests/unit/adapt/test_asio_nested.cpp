// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/context.hpp>
#include <keel/error.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <chrono>
#include <stdexcept>

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using keel::errc;
using support::virtual_world;

namespace {

constexpr auto tries(int n) { return keel::retry<keel::constant>({.attempts = n, .backoff = {.every = 0ms}}); }

/// Whether it ended with that rejection.
awaitable<bool> ends_with(errc reason, awaitable<void> call) {
    bool so = false;
    try {
        co_await std::move(call);
    } catch (const keel::rejected& r) {
        so = r.reason() == reason;
    }
    co_return so;
}

} // namespace

TEST_CASE("a call inside an attempt takes the nearer deadline") {
    virtual_world world;
    keel::pipeline outer{keel::timeout(100ms), world.clock}, longer{keel::timeout(1s), world.clock},
        shorter{keel::timeout(30ms), world.clock};
    keel::pipeline none{tries(1), world.clock};
    world.in([&]() -> awaitable<void> {
        co_await async(outer, [&](const context& c) -> awaitable<void> {
            const auto told = [](const context& in) -> awaitable<keel::time_point> { co_return in.deadline(); };
            CHECK(co_await async(longer, c, told) == keel::time_point(100ms));
            CHECK(co_await async(shorter, c, told) == keel::time_point(30ms));
            CHECK(co_await async(none, c, told) == keel::time_point(100ms));
            CHECK(co_await async(longer, told) == keel::time_point(1s)); // not told of a call around it
        });
    });
}

TEST_CASE("a nearer deadline further in leaves the attempt around it going on") {
    virtual_world world;
    keel::pipeline outer{keel::timeout(100ms), world.clock}, inner{keel::timeout(30ms), world.clock};
    world.in([&]() -> awaitable<void> {
        co_await async(outer, [&](const context& c) -> awaitable<void> {
            const auto slow = [&](const context&) -> awaitable<void> { co_await world.sleep(1h); };
            CHECK(co_await ends_with(errc::timed_out, async(inner, c, slow)));
            CHECK(world.elapsed() == 30ms);
            CHECK(co_await ends_with(errc::timed_out, async(inner, c, slow)));
            co_await world.sleep(40ms);
        });
        CHECK(world.elapsed() == 100ms);
    });
}

TEST_CASE("a nearer deadline further out ends both") {
    virtual_world world;
    keel::pipeline outer{keel::timeout(30ms), world.clock};
    keel::pipeline inner{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) | keel::timeout(100ms),
                         world.clock};
    for (const bool told : {false, true}) {
        inner.circuit().reset();
        world.in([&]() -> awaitable<void> {
            CHECK(co_await ends_with(errc::timed_out, async(outer, [&](const context& c) -> awaitable<void> {
                                         const auto slow = [&]() -> awaitable<void> { co_await world.sleep(1h); };
                                         if (told)
                                             co_await async(inner, c, slow);
                                         else
                                             co_await async(inner, slow);
                                     })));
        });
        // To a call that was not told of the deadline it is a cancellation.
        CHECK(inner.circuit().stats().totals.failures == (told ? 1 : 0));
        CHECK(inner.circuit().stats().totals.ignored == (told ? 0 : 1));
    }
    CHECK(world.elapsed() == 60ms);
}

TEST_CASE("retries that are made inside of an attempt are among those of the call around it") {
    virtual_world world;
    keel::pipeline three{tries(3), world.clock}, five{tries(5), world.clock};
    keel::pipeline bounded{keel::timeout(1s), world.clock};
    int n = 0;
    const auto fails = [&]() -> awaitable<support::result> {
        co_await world.sleep(1ms);
        ++n;
        co_return support::bad();
    };
    world.in([&]() -> awaitable<void> {
        co_await async(
            three, [&](const context& c) -> awaitable<support::result> { co_return co_await async(five, c, fails); });
        CHECK(n == 3);
        n = 0;
        co_await async(three, [&](const context& a) -> awaitable<support::result> {
            co_return co_await async(bounded, a, [&](const context& b) -> awaitable<support::result> {
                co_return co_await async(five, b, fails);
            });
        });
        CHECK(n == 3);
        n = 0;
        co_await async(three, [&]() -> awaitable<support::result> { co_return co_await async(five, fails); });
        CHECK(n == 15);
    });
}

TEST_CASE("calls that run at once in one attempt share its retries") {
    virtual_world world;
    keel::pipeline outer{tries(4), world.clock}, inner{tries(10), world.clock};
    int n = 0;
    const auto fails = [&](keel::nanos after) -> awaitable<void> {
        co_await world.sleep(after);
        ++n;
        throw std::runtime_error("no");
    };
    world.in([&]() -> awaitable<void> {
        bool threw = false;
        try {
            co_await async(outer, [&](const context& c) -> awaitable<void> {
                const auto quietly = [&](keel::nanos each) -> awaitable<void> {
                    try {
                        co_await async(inner, c, fails, each);
                    } catch (const std::runtime_error&) {
                    }
                };
                co_await (quietly(1ms) && quietly(2ms));
                throw std::runtime_error("both");
            });
        } catch (const std::runtime_error&) {
            threw = true;
        }
        CHECK(threw);
        CHECK(n == 2 + 3); // two first attempts, and the three retries of the one around them
    });
}

TEST_CASE("the first of several calls cancels the others, which count as ignored") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s) |
                         keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s}),
                     world.clock};
    const auto after = [&](keel::nanos d) {
        return async(
            p,
            [&](keel::nanos each) -> awaitable<int> {
                co_await world.sleep(each);
                co_return 1;
            },
            d);
    };
    world.in([&]() -> awaitable<void> {
        const auto first = co_await (after(20ms) || after(10ms) || after(30ms));
        CHECK(first.index() == 1);
        CHECK(world.elapsed() == 10ms);
        CHECK(p.circuit().stats().totals.ignored == 2);
        CHECK(p.circuit().state() == keel::circuit_state::closed);
        const auto [a, b] = co_await (after(20ms) && after(10ms));
        CHECK(a + b == 2);
        CHECK(world.elapsed() == 30ms);
    });
}

TEST_CASE("groups of operations inside an attempt are cancelled at its deadline") {
    virtual_world world;
    keel::pipeline p{keel::timeout(50ms), world.clock};
    int aborted = 0;
    const auto long_one = [&]() -> awaitable<void> {
        try {
            co_await world.sleep(1h);
        } catch (const boost::system::system_error&) {
            ++aborted;
            throw;
        }
    };
    world.in([&]() -> awaitable<void> {
        CHECK(co_await ends_with(errc::timed_out,
                                 async(p, [&]() -> awaitable<void> { co_await (long_one() && long_one()); })));
        CHECK(co_await ends_with(errc::timed_out,
                                 async(p, [&]() -> awaitable<void> { co_await (long_one() || long_one()); })));
    });
    CHECK(aborted == 4);
    CHECK(world.elapsed() == 100ms);
}
