// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/error.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
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

// Operations that Asio has none like, and that users write.

namespace {

/// Completes before it returns.
auto at_once() {
    return asio::async_initiate<const asio::deferred_t, void()>(
        [](auto handler) {
            const auto on = asio::get_associated_executor(handler);
            asio::dispatch(on, std::move(handler));
        },
        deferred);
}

/// Fails to begin.
auto broken() {
    return asio::async_initiate<const asio::deferred_t, void()>([](auto) { throw std::logic_error("cannot begin"); },
                                                                deferred);
}

/// Goes on in whoever sets it, on that stack if the executor allows it.
class event {
  public:
    auto wait() {
        return asio::async_initiate<const asio::deferred_t, void(boost::system::error_code)>(
            [this](auto handler) {
                const auto on = asio::get_associated_executor(handler);
                const auto slot = asio::get_associated_cancellation_slot(handler);
                const auto kept = std::make_shared<decltype(handler)>(std::move(handler));
                waiting_ = [kept, on](boost::system::error_code e) {
                    asio::dispatch(on, [kept, e] { std::move (*kept)(e); });
                };
                if (slot.is_connected())
                    auto(slot).assign([this](asio::cancellation_type_t) { set(asio::error::operation_aborted); });
            },
            deferred);
    }
    void set(boost::system::error_code e = {}) {
        if (auto once = std::exchange(waiting_, nullptr)) once(e);
    }

  private:
    std::function<void(boost::system::error_code)> waiting_;
};

} // namespace

TEST_CASE("an operation may complete before it is awaited") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    world.in([&]() -> awaitable<void> {
        int n = 0;
        for (int i = 0; i < 1000; ++i)
            co_await async(p, [&]() -> awaitable<void> {
                co_await at_once();
                ++n;
            });
        CHECK(n == 1000);
    });
}

TEST_CASE("an attempt may be ended by a call that it has begun on the same stack") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    event e;
    int ended = 0;
    const started& it = world.start([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> {
            // Its initiation runs another coroutine, which ends what this one waits for within an attempt of its own.
            co_await asio::async_initiate<const asio::deferred_t, void(boost::system::error_code)>(
                [&](auto handler) {
                    const auto on = asio::get_associated_executor(handler);
                    e.wait()(std::move(handler));
                    asio::co_spawn(
                        world.context,
                        [&]() -> awaitable<void> {
                            co_await async(p, [&]() -> awaitable<void> {
                                e.set();
                                ++ended;
                                co_return;
                            });
                            ++ended;
                        },
                        asio::detached);
                },
                deferred);
        });
        ++ended;
    });
    world.run();
    CHECK(it.has_ended());
    CHECK(ended == 3);
}

TEST_CASE("an operation that can't be begun throws where it is awaited from") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    // As without a pipeline: the exception leaves the context, and the coroutine is destroyed.
    world.start([&]() -> awaitable<void> { co_await broken(); });
    CHECK_THROWS_AS(world.run(), std::logic_error);
    world.run();
    bool destroyed = false;
    world.start([&]() -> awaitable<void> {
        const std::shared_ptr<void> at_end(nullptr, [&](void*) { destroyed = true; });
        co_await async(p, [&]() -> awaitable<void> { co_await broken(); });
    });
    CHECK_THROWS_AS(world.run(), std::logic_error);
    world.run();
    CHECK(destroyed);
}

TEST_CASE("a coroutine may go on within the cancellation of what it waits for") {
    virtual_world world;
    keel::pipeline p{keel::timeout(50ms), world.clock};
    event never;
    errc why{};
    started& it = world.start([&]() -> awaitable<void> {
        try {
            co_await async(p, [&]() -> awaitable<void> { co_await never.wait(); });
        } catch (const keel::rejected& r) {
            why = r.reason();
        }
        co_await async(p, [&]() -> awaitable<void> { co_await never.wait(); });
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(60ms);
        it.cancel();
    });
    world.run();
    CHECK(why == errc::timed_out);
    CHECK(it.was_aborted());
    CHECK(world.elapsed() == 60ms);
}
