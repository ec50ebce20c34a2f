// SPDX-License-Identifier: BSL-1.0
#include "support/allocations.hpp"
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/breaker.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <new>
#include <system_error>

// Asio keeps two blocks of each thread for coroutine frames, and two for operations, of at most 1020 bytes.

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
namespace asio = boost::asio;

namespace {

constexpr std::size_t largest_kept = 1020;

constexpr auto bare = keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>;
constexpr auto bounded = keel::timeout(1h) | bare;
keel::static_pipeline<bare> p;
keel::static_pipeline<bounded> q;
keel::pipeline at_run_time{bounded};

awaitable<int> at_once() { co_return 1; }
awaitable<int> soon() {
    co_await asio::post(asio::deferred);
    co_return 1;
}
awaitable<std::expected<int, std::error_code>> expected() {
    co_await asio::post(asio::deferred);
    co_return 1;
}

/// How many allocations a thousand calls make, once a hundred have been made.
template <class Call>
awaitable<long> allocations_of(Call call) {
    for (int i = 0; i < 100; ++i)
        co_await call();
    const long before = support::allocations();
    for (int i = 0; i < 1000; ++i)
        co_await call();
    co_return support::allocations() - before;
}

awaitable<void> count_all() {
    int n = 1;
    const auto closure = [&n](const keel::context& c, int a, int b) -> awaitable<int> {
        co_await asio::post(asio::deferred);
        co_return n + a + b + static_cast<int>(c.attempt());
    };
    CHECK(co_await allocations_of(at_once) == 0);
    CHECK(co_await allocations_of(soon) == 0);
    CHECK(co_await allocations_of([] { return async(p, at_once); }) == 0);
    CHECK(co_await allocations_of([] { return async(p, soon); }) == 0);
    CHECK(co_await allocations_of([] { return async(q, at_once); }) == 0);
    CHECK(co_await allocations_of([] { return async(q, soon); }) == 0);
    CHECK(co_await allocations_of([] { return async(q, expected); }) == 0);
    CHECK(co_await allocations_of([&] { return async(q, closure, 2, 3); }) == 0);
    CHECK(co_await allocations_of([] { return async(at_run_time, soon); }) == 0);
}

} // namespace

TEST_CASE("allocations are counted") {
    static_cast<void>(support::largest_allocation());
    const long before = support::allocations(), live = support::live_blocks();
    void* volatile a = ::operator new(10);
    void* volatile b = std::aligned_alloc(64, 128);
    const long more = support::allocations() - before, alive = support::live_blocks() - live;
    const std::size_t largest = support::largest_allocation();
    ::operator delete(a);
    std::free(b);
    const long left = support::live_blocks() - live;
    CHECK(more == 2);
    CHECK(alive == 1);
    CHECK(largest == 128);
    CHECK(left == 0);
}

TEST_CASE("a call allocates nothing that Asio does not keep for the next one") {
    asio::io_context context;
    support::run_to_end(context, context.get_executor(), count_all);
}

TEST_CASE("nor does it in a strand") {
    asio::io_context context;
    support::run_to_end(context, asio::make_strand(context), count_all);
}

TEST_CASE("the frame of a call is one that Asio keeps, with room for arguments") {
    asio::io_context context;
    std::size_t plain = 0, with_arguments = 0;
    asio::co_spawn(
        context,
        [&]() -> awaitable<void> {
            static_cast<void>(support::largest_allocation());
            const auto call = async(q, at_once);
            plain = support::largest_allocation();
            const auto other = async(q, [&](int, int, const void*) -> awaitable<int> { co_return 1; }, 1, 2, nullptr);
            with_arguments = support::largest_allocation();
            co_return;
        },
        asio::detached);
    context.run();
    MESSAGE("frames: ", plain, " and ", with_arguments, " bytes");
    CHECK(plain > 0);
    CHECK(plain <= largest_kept);
    CHECK(with_arguments <= largest_kept);
}
