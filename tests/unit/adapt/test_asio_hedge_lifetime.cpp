// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/context.hpp>
#include <keel/error.hpp>
#include <keel/hedge.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using keel::hedge;
using keel::named;
using support::started;
using support::virtual_world;
namespace this_coro = boost::asio::this_coro;

namespace {

/// Operations that never complete. Their handlers can be destroyed.
class never {
  public:
    awaitable<void> wait() {
        const auto keep = [this](auto handler) {
            kept_ = std::make_unique<kept_by<decltype(handler)>>(std::move(handler));
        };
        co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(keep,
                                                                                            boost::asio::use_awaitable);
    }
    void drop() { kept_.reset(); }

  private:
    struct kept {
        kept() = default;
        kept(const kept&) = delete;
        kept& operator=(const kept&) = delete;
        virtual ~kept() = default;
    };
    template <class Handler>
    struct kept_by : kept {
        explicit kept_by(Handler&& h)
          : handler(std::move(h)) {}
        Handler handler;
    };
    std::unique_ptr<kept> kept_;
};

} // namespace

TEST_CASE("a hedged call ends though the operation of an extra attempt drops its handler") {
    never operation;
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 10ms})), world.clock};
    const auto attempt = [&](const context& c) -> awaitable<int> {
        if (c.attempt() == 2) co_await operation.wait();
        co_await world.sleep(50ms);
        co_return 1;
    };
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(20ms);
        operation.drop();
    });
    world.in([&]() -> awaitable<void> { CHECK(co_await async(p, attempt) == 1); });
    CHECK(world.elapsed() == 50ms);
    CHECK(p.get<"h">().started() == 1);
    // And while the call awaits that attempt, which the success of the first has cancelled.
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(70ms);
        operation.drop();
    });
    world.in([&]() -> awaitable<void> { CHECK(co_await async(p, attempt) == 1); });
    CHECK(world.elapsed() == 120ms);
}

TEST_CASE("the function of a hedged call ends with it, whatever its alarm still holds") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 1h}), world.clock};
    const auto lease = std::make_shared<int>(1);
    world.in([&]() -> awaitable<void> {
        const auto attempt = [&world, kept = lease]() -> awaitable<void> {
            static_cast<void>(kept);
            co_await world.sleep(1ms);
        };
        CHECK(lease.use_count() == 2);
        co_await async(p, attempt);
        CHECK(lease.use_count() == 2);
    });
    CHECK(lease.use_count() == 1);
}

TEST_CASE("extra attempts throw on cancellation where the call does") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 10ms}), world.clock};
    bool first = true, extra = true;
    world.in([&]() -> awaitable<void> {
        co_await this_coro::throw_if_cancelled(false);
        const auto attempt = [&](const context& c) -> awaitable<void> {
            (c.attempt() == 1 ? first : extra) = co_await this_coro::throw_if_cancelled();
            co_await world.sleep(20ms);
        };
        co_await async(p, attempt);
    });
    CHECK(!first);
    CHECK(!extra);
}

TEST_CASE("a context that ends while an extra attempt waits to be retried gives nothing back to calls that have gone") {
    never operation;
    std::optional<virtual_world> world(std::in_place);
    keel::pipeline outer{keel::retry<keel::constant>({.attempts = 5, .backoff = {.every = 1ms}}), world->clock};
    keel::pipeline inner{
        hedge({.delay = 1ms}) | keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10s}}), world->clock};
    int attempts = 0;
    world->start([&]() -> awaitable<void> {
        const auto attempt = [&]() -> awaitable<void> {
            if (++attempts == 1) co_await operation.wait();
            throw std::runtime_error("no");
        };
        co_await async(outer, [&](const context& c) -> awaitable<void> { co_await async(inner, c, attempt); });
    });
    world->context.poll();
    world->clock.advance(1ms);
    CHECK(keel::detail::virtual_alarm::ring_next(world->context, world->clock));
    world->context.restart();
    world->context.poll();
    CHECK(attempts == 2);
    operation.drop(); // the call and those around it are destroyed, the extra attempt is with its context
    world.reset();
}
