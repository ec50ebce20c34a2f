// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include <keel/adapt/asio.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// Ends inside of an attempt of another pipeline, which it starts itself: all that on the stack of who awaits it.
template <class Pipeline, class Executor, class Token>
auto async_from_within(Pipeline& other, const Executor& on, Token&& token) {
    return asio::async_initiate<Token, void()>(
        [&other, on](auto handler) {
            const auto kept = std::make_shared<decltype(handler)>(std::move(handler));
            asio::co_spawn(on,
                           keel::async(other,
                                       [kept]() -> asio::awaitable<void> {
                                           std::move (*kept)();
                                           co_return;
                                       }),
                           asio::detached);
        },
        token);
}

} // namespace

TEST_CASE("an attempt that another attempt resumes on its own stack, before it was left, ends") {
    support::virtual_world world;
    keel::pipeline outer{keel::timeout(1s), world.clock};
    keel::pipeline inner{keel::timeout(1s), world.clock};
    int ended = 0;
    world.in([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 3; ++i) {
            co_await keel::async(outer, [&]() -> asio::awaitable<void> {
                co_await async_from_within(inner, world.context.get_executor(), asio::deferred);
            });
            ++ended;
        }
    });
    CHECK(ended == 3);
    CHECK(world.elapsed() == keel::nanos(0));
}
