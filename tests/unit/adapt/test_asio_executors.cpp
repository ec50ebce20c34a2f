// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/error.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::deferred;
using keel::async;
using keel::errc;
using support::started;
using support::virtual_world;
namespace asio = boost::asio;
namespace this_coro = boost::asio::this_coro;
using stream = asio::local::stream_protocol::socket;

namespace {

/// A pair of sockets for what was begun on the executor of an attempt.
struct connection {
    std::optional<stream> here, there;

    void open(const asio::any_io_executor& on) {
        here.emplace(on);
        there.emplace(on);
        asio::local::connect_pair(*here, *there);
    }
};

} // namespace

TEST_CASE("a call goes on in the strand of its caller after each of its waits") {
    virtual_world world;
    const auto strand = asio::make_strand(world.context);
    keel::pipeline p{keel::timeout(1s) | keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}),
                     world.clock};
    int attempts = 0;
    const started& it = world.start_on(strand, [&]() -> awaitable<void> {
        const auto failing_at_first = [&]() -> awaitable<int> {
            CHECK(strand.running_in_this_thread());
            if (++attempts < 3) throw std::runtime_error("not yet");
            co_return attempts;
        };
        CHECK(co_await async(p, failing_at_first) == 3);
        CHECK(strand.running_in_this_thread());
    });
    world.run();
    CHECK(it.has_ended());
    CHECK(world.elapsed() == 20ms);
}

TEST_CASE("the executor of the caller is back after the call") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    world.in([&]() -> awaitable<void> {
        const asio::any_io_executor before = co_await this_coro::executor;
        co_await async(p, [&]() -> awaitable<void> { co_await asio::post(deferred); });
        CHECK(co_await this_coro::executor == before);
        co_await async(p, []() -> awaitable<void> { co_return; });
        CHECK(co_await this_coro::executor == before);
    });
}

TEST_CASE("what is begun on the executor of an attempt outlives it") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    connection c;
    std::string heard;
    bool slept = false;
    const started& it = world.start([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> {
            const asio::any_io_executor here = co_await this_coro::executor;
            c.open(here);
            asio::co_spawn(
                here,
                [&]() -> awaitable<void> {
                    co_await world.sleep(5s);
                    slept = true;
                    co_await asio::async_write(*c.there, asio::buffer("late", 4), deferred);
                },
                asio::detached);
        });
        CHECK(world.elapsed() == 0ns);
        std::array<char, 4> got{};
        co_await asio::async_read(*c.here, asio::buffer(got), deferred);
        heard.assign(got.data(), got.size());
        c.here.reset();
    });
    world.run();
    CHECK(it.has_ended());
    CHECK(slept);
    CHECK(heard == "late");
    CHECK(world.elapsed() == 5s);
}

TEST_CASE("work that is kept on the executor of an attempt keeps the context running") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    std::optional<asio::executor_work_guard<asio::any_io_executor>> work;
    const started& it = world.start([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> { work.emplace(co_await this_coro::executor); });
    });
    while (world.context.poll() != 0) {
    }
    CHECK(it.has_ended());
    CHECK(!world.context.stopped());
    work.reset();
    CHECK(world.context.stopped());
}

TEST_CASE("a connection that was made in one attempt serves the next ones, and is cancelled by their deadlines") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    connection c;
    world.in([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> { c.open(co_await this_coro::executor); });
        const auto receive = [&]() -> awaitable<char> {
            char got = 0;
            co_await asio::async_read(*c.here, asio::buffer(&got, 1), deferred);
            co_return got;
        };
        errc why{};
        try {
            co_await async(p, receive);
        } catch (const keel::rejected& r) {
            why = r.reason();
        }
        CHECK(why == errc::timed_out);
        co_await async(
            p, [&]() -> awaitable<void> { co_await asio::async_write(*c.there, asio::buffer("x", 1), deferred); });
        CHECK(co_await async(p, receive) == 'x');
    });
}

TEST_CASE("attempts run in the strand of the caller") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    const auto strand = asio::make_strand(world.context);
    const auto of_any = asio::make_strand(asio::any_io_executor(world.context.get_executor()));
    int inside = 0;
    const auto check = [&](const auto& on) {
        world.start_on(on, [&]() -> awaitable<void> {
            const auto attempt = [&](keel::nanos d) -> awaitable<void> {
                CHECK(on.running_in_this_thread());
                CHECK(co_await this_coro::executor == asio::any_io_executor(on));
                co_await asio::post(deferred);
                CHECK(on.running_in_this_thread());
                try {
                    co_await world.sleep(d);
                } catch (const boost::system::system_error&) {
                }
                CHECK(on.running_in_this_thread());
                ++inside;
            };
            co_await async(p, attempt, keel::nanos(1ms));
            CHECK(on.running_in_this_thread());
            co_await async(p, attempt, keel::nanos(1h));
            CHECK(on.running_in_this_thread());
        });
    };
    check(strand);
    check(of_any);
    world.run();
    CHECK(inside == 4);
}

TEST_CASE("calls of any number leave nothing on the stack, whether or not their attempts are suspended") {
    virtual_world world;
    keel::pipeline bounded{keel::timeout(1s), world.clock}, both{keel::timeout(2s), world.clock};
    for (const bool suspended : {false, true}) {
        const char* highest = nullptr;
        const char* lowest = nullptr;
        const auto look = [&]() -> awaitable<void> {
            if (suspended) co_await asio::post(deferred);
            const char* const here = static_cast<const char*>(__builtin_frame_address(0));
            if (highest == nullptr || here > highest) highest = here;
            if (lowest == nullptr || here < lowest) lowest = here;
        };
        const auto nested = [&]() -> awaitable<void> {
            co_await async(bounded, look);
            co_await async(bounded, look);
        };
        world.in([&]() -> awaitable<void> {
            for (int i = 0; i < (suspended ? 10'000 : 100'000); ++i)
                co_await async(both, nested);
        });
        CHECK(highest - lowest < 64 * 1024);
    }
}
