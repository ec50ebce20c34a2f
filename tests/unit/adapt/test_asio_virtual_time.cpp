// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/clock/cached_clock.hpp>
#include <keel/clock/steady_clock.hpp>
#include <keel/error.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::async_sleep;
using support::started;
using support::virtual_world;
namespace asio = boost::asio;

TEST_CASE("what is due earlier happens earlier, and what is due at one time in the order in which it was begun") {
    virtual_world world;
    std::string order;
    for (const auto& [name, after] : {std::pair('c', 3s), std::pair('a', 1s), std::pair('b', 2s), std::pair('B', 2s)}) {
        world.start([&, who = name, d = keel::nanos(after)]() -> awaitable<void> {
            co_await world.sleep(d);
            order += who;
            co_await world.sleep(2s);
            order += who;
        });
    }
    world.run();
    CHECK(order == "abBcabBc");
    CHECK(world.elapsed() == 5s);
}

TEST_CASE("all that is ready runs before the clock goes on") {
    virtual_world world;
    world.in([&]() -> awaitable<void> {
        int steps = 0;
        asio::co_spawn(
            world.context,
            [&]() -> awaitable<void> {
                for (; steps < 1000; ++steps)
                    co_await asio::post(asio::deferred);
            },
            asio::detached);
        co_await world.sleep(1ns);
        CHECK(steps == 1000);
    });
}

TEST_CASE("a sleep of nothing, or into the past, is none") {
    virtual_world world;
    world.clock.advance(1h);
    world.in([&]() -> awaitable<void> {
        co_await world.sleep(0ns);
        co_await world.sleep(-1s);
        CHECK(world.elapsed() == 1h);
    });
}

TEST_CASE("time that somebody else advances counts") {
    virtual_world world;
    keel::pipeline p{keel::timeout(10s), world.clock};
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(1s);
        world.clock.advance(20s); // past both of the others
    });
    std::string order;
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(5s);
        order += 's';
    });
    world.start([&]() -> awaitable<void> {
        CHECK_THROWS_AS(co_await async(p, [&]() -> awaitable<void> { co_await world.sleep(1h); }), keel::rejected);
        order += 't';
    });
    world.run();
    CHECK(order == "st");
    CHECK(world.elapsed() == 21s);
}

TEST_CASE("a context of its own waits for the same clock by itself") {
    virtual_world one;
    asio::io_context other;
    bool slept_here = false, slept_there = false;
    asio::co_spawn(
        other,
        [&]() -> awaitable<void> {
            co_await async_sleep(one.clock, 1s);
            slept_there = true;
        },
        asio::detached);
    one.start([&]() -> awaitable<void> {
        co_await one.sleep(2s);
        slept_here = true;
    });
    other.poll();
    one.run();
    CHECK(slept_here);
    CHECK(!slept_there); // nobody runs that context
    CHECK(one.elapsed() == 2s);
    keel::run(other, one.clock);
    CHECK(slept_there);
    CHECK(one.elapsed() == 2s); // its time had come
}

TEST_CASE("a context where some wait for one clock and some for another is run for each") {
    virtual_world world;
    keel::manual_clock second;
    int done = 0;
    world.start([&]() -> awaitable<void> {
        co_await async_sleep(second, 1h);
        ++done;
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(1s);
        ++done;
        second.advance(1s);
        world.context.stop();
    });
    world.run();
    CHECK(done == 1);
    keel::run(world.context, second);
    CHECK(done == 2);
    CHECK(second.now() == keel::time_point(1h));
    CHECK(world.elapsed() == 1s);
}

TEST_CASE("what the world outside does is awaited for real") {
    virtual_world world;
    auto work = asio::make_work_guard(world.context);
    std::jthread outside;
    bool posted = false;
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(1h);
        outside = std::jthread([&] {
            asio::post(world.context, [&] {
                posted = true;
                work.reset();
            });
        });
    });
    world.run();
    CHECK(posted);
    CHECK(world.elapsed() == 1h);
}

TEST_CASE("a sleep ends when its coroutine is cancelled") {
    virtual_world world;
    started& it = world.start([&]() -> awaitable<void> { co_await world.sleep(1h); });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(1s);
        it.cancel();
    });
    world.run();
    CHECK(it.was_aborted());
    CHECK(world.elapsed() == 1s);
}

TEST_CASE("with other clocks sleeps, waits and deadlines take real time") {
    asio::io_context context;
    keel::pipeline slow{keel::timeout(1ms), keel::steady_clock{}};
    keel::pipeline again{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 1ms}}), keel::steady_clock{}};
    keel::pipeline cached{keel::timeout(1ms), keel::cached_clock{}};
    keel::cached_clock::update();
    int done = 0;
    asio::co_spawn(
        context,
        [&]() -> awaitable<void> {
            const keel::steady_clock clock;
            const auto begun = clock.now();
            co_await async_sleep(clock, 1ms);
            CHECK(clock.now() - begun >= 1ms);
            const auto endless = [&]() -> awaitable<void> { co_await async_sleep(clock, 1h); };
            CHECK_THROWS_AS(co_await async(slow, endless), keel::rejected);
            CHECK(clock.now() - begun >= 2ms);
            CHECK_THROWS_AS(co_await async(cached, endless), keel::rejected); // of a clock that stands still
            CHECK(clock.now() - begun >= 3ms);
            int attempts = 0;
            co_await async(again, [&]() -> awaitable<void> {
                if (++attempts < 3) throw std::runtime_error("not yet");
                co_return;
            });
            CHECK(clock.now() - begun >= 5ms);
            ++done;
        },
        asio::detached);
    context.run();
    CHECK(done == 1);
}
