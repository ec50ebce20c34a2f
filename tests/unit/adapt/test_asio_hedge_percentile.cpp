// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/duration.hpp>
#include <keel/hedge.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using keel::hedge;
using keel::named;
using keel::nanos;
using support::virtual_world;
namespace this_coro = boost::asio::this_coro;

namespace {

/// At most an eighth more than `exact`.
bool is_about(nanos said, nanos exact) { return said > exact && said.count <= exact.count + exact.count / 8; }

/// One call after the other, whose attempts last as long as `lasts(call, attempt)` says.
template <class P, class Lasts>
void call(virtual_world& world, P& p, int times, const Lasts& lasts) {
    world.in([&]() -> awaitable<void> {
        for (int i = 0; i < times; ++i) {
            co_await async(p, [&](const context& c) -> awaitable<void> {
                const nanos d = lasts(i, c.attempt());
                co_await world.sleep(d);
            });
        }
    });
}
struct figures {
    double median, p99, p999; ///< in milliseconds
    double attempts;          ///< per call
};
nanos mostly_10ms(int i, std::uint32_t) { return i % 10 == 9 ? 100ms : 10ms; }

} // namespace

TEST_CASE("until the percentile is known the delay is what is configured, and then the percentile") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 70ms, .percentile = 0.9})), world.clock};
    const auto& h = p.get<"h">();
    call(world, p, 31, mostly_10ms);
    CHECK(h.percentile() < nanos(0));
    CHECK(h.started() == 3); // those of 100 ms
    call(world, p, 1, mostly_10ms);
    CHECK(is_about(h.percentile(), 10ms));

    keel::time_point first{}, second{};
    call(world, p, 1, [&](int, std::uint32_t n) {
        (n == 1 ? first : second) = world.clock.now();
        return nanos(100ms);
    });
    CHECK(nanos(second - first) == h.percentile());
}

TEST_CASE("the delay follows the latencies when they change, and back") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 1h, .percentile = 0.9})), world.clock};
    const auto& h = p.get<"h">();
    call(world, p, 100, mostly_10ms);
    CHECK(is_about(h.percentile(), 10ms));
    CHECK(h.started() > 0);
    call(world, p, 2000, [](int, std::uint32_t) { return nanos(40ms); });
    CHECK(is_about(h.percentile(), 40ms));
    const std::uint64_t before = h.started();
    call(world, p, 100, [](int, std::uint32_t) { return nanos(40ms); });
    CHECK(h.started() == before);
    call(world, p, 20'000, mostly_10ms);
    CHECK(is_about(h.percentile(), 10ms));
}

TEST_CASE("about the share of calls that takes longer than the percentile starts another attempt") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 1h, .percentile = 0.75})), world.clock};
    std::uint64_t seed = 1;
    call(world, p, 4000, [&](int, std::uint32_t) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        return nanos(1ms + std::chrono::microseconds(seed >> 48)); // 1 to 66 ms, evenly
    });
    const auto started = static_cast<double>(p.get<"h">().started());
    CHECK(started <= 0.25 * 4000);
    CHECK(started >= 0.15 * 4000);
}

TEST_CASE("a first attempt that loses counts with what it had taken, and an extra one not at all") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 20ms, .percentile = 0.5})), world.clock};
    const auto& h = p.get<"h">();
    // The first would last for an hour, and loses after 25 ms.
    call(world, p, 32, [](int, std::uint32_t n) { return nanos(n == 1 ? 1h : 5ms); });
    CHECK(h.won() == 32);
    CHECK(is_about(h.percentile(), 25ms));

    keel::pipeline q{named<"h">(hedge({.delay = 20ms, .percentile = 0.5})), world.clock};
    // The extra ones lose after 5 ms.
    call(world, q, 32, [](int, std::uint32_t n) { return nanos(n == 1 ? 25ms : 1h); });
    CHECK(q.get<"h">().started() == 32);
    CHECK(q.get<"h">().won() == 0);
    CHECK(is_about(q.get<"h">().percentile(), 25ms));
}

TEST_CASE("a loser that does not heed its cancellation counts with all of its time") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 20ms, .percentile = 0.5})), world.clock};
    world.in([&]() -> awaitable<void> {
        for (int i = 0; i < 32; ++i) {
            co_await async(p, [&](const context& c) -> awaitable<void> {
                const std::uint32_t n = c.attempt();
                if (n == 1) co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
                co_await world.sleep(n == 1 ? 80ms : 5ms);
            });
        }
    });
    CHECK(is_about(p.get<"h">().percentile(), 80ms));
}

TEST_CASE("an attempt that is late counts with the time of its deadline") {
    virtual_world world;
    keel::pipeline outside{keel::timeout(50ms) | named<"h">(hedge({.delay = 1h, .percentile = 0.5})), world.clock};
    keel::pipeline inside{named<"h">(hedge({.delay = 1h, .percentile = 0.5})) | keel::timeout(50ms), world.clock};
    const auto check = [&](auto& p) {
        world.in([&]() -> awaitable<void> {
            for (int i = 0; i < 32; ++i) {
                try {
                    co_await async(p, [&]() -> awaitable<void> { co_await world.sleep(2h); });
                } catch (const keel::rejected&) {
                }
            }
        });
        CHECK(is_about(p.template get<"h">().percentile(), 50ms));
    };
    check(outside);
    check(inside);
}

TEST_CASE("failures, and attempts that the caller cancels, do not count") {
    virtual_world world;
    keel::pipeline p{keel::timeout(50ms) | named<"h">(hedge({.delay = 1h, .percentile = 0.5})), world.clock};
    const auto& h = p.get<"h">();
    world.in([&]() -> awaitable<void> {
        for (int i = 0; i < 64; ++i) {
            try {
                co_await async(p, [&]() -> awaitable<void> {
                    co_await world.sleep(1ms);
                    throw std::runtime_error("no");
                });
            } catch (const std::runtime_error&) {
            }
        }
    });
    CHECK(h.percentile() < nanos(0));
    for (int i = 0; i < 64; ++i) {
        support::started& it = world.start(
            [&]() -> awaitable<void> { co_await async(p, [&]() -> awaitable<void> { co_await world.sleep(40ms); }); });
        world.start([&]() -> awaitable<void> {
            co_await world.sleep(5ms);
            it.cancel();
        });
        world.run();
        REQUIRE(it.was_aborted());
    }
    CHECK(h.percentile() < nanos(0));
    // Nor does one for which no time was left.
    world.in([&]() -> awaitable<void> {
        keel::pipeline late{named<"h">(hedge({.delay = 1h, .percentile = 0.5})) | keel::timeout(50ms), world.clock};
        const context over(world.clock.now(), world.clock);
        for (int i = 0; i < 64; ++i)
            CHECK_THROWS_AS(co_await async(late, over, []() -> awaitable<void> { co_return; }), keel::rejected);
        CHECK(late.get<"h">().percentile() < nanos(0));
    });
    call(world, p, 32, [](int, std::uint32_t) { return nanos(20ms); });
    CHECK(is_about(h.percentile(), 20ms));
}

TEST_CASE("a hedge at the 95th percentile cuts off a tail of slow answers for a twentieth more attempts") {
    const auto simulated = [](const auto& chain) {
        virtual_world world;
        keel::pipeline p{chain, world.clock};
        std::mt19937_64 random(3);
        std::vector<nanos> took;
        double attempts = 0;
        world.in([&]() -> awaitable<void> {
            for (int i = 0; i < 10'000; ++i) {
                const keel::time_point begun = world.clock.now();
                co_await async(p, [&]() -> awaitable<void> {
                    ++attempts;
                    const bool is_slow = random() % 50 == 0;
                    const auto d = is_slow ? 500ms : 5ms + std::chrono::microseconds(random() % 10'000);
                    co_await world.sleep(d);
                });
                took.emplace_back(world.clock.now() - begun);
            }
        });
        std::ranges::sort(took);
        const auto ms = [&](std::size_t place) { return static_cast<double>(took[place].count) / 1e6; };
        const figures f{ms(5'000), ms(9'900), ms(9'990), attempts / 10'000};
        MESSAGE("median " << f.median << " ms, p99 " << f.p99 << " ms, p99.9 " << f.p999 << " ms, attempts "
                          << f.attempts);
        return f;
    };
    const figures alone = simulated(hedge({.delay = 1h}));
    CHECK(alone.p99 == 500);
    CHECK(alone.attempts == 1);
    const figures hedged = simulated(hedge({.delay = 1h, .percentile = 0.95}));
    CHECK(hedged.median < alone.median + 1);
    CHECK(hedged.p99 < 30);
    CHECK(hedged.p999 < 35);
    CHECK(hedged.attempts < 1.06);
}

TEST_CASE("without a percentile nothing is counted") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 50ms})), world.clock};
    call(world, p, 100, mostly_10ms);
    CHECK(p.get<"h">().percentile() < nanos(0));
    CHECK(p.get<"h">().started() == 10);
}
