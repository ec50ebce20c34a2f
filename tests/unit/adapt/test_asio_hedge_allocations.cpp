// SPDX-License-Identifier: BSL-1.0
#include "support/allocations.hpp"
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/breaker.hpp>
#include <keel/hedge.hpp>
#include <keel/pipeline.hpp>
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

// Asio keeps two blocks of each thread for coroutine frames, and two for operations, unless it is told to keep more.

using namespace std::chrono_literals;
using boost::asio::awaitable;
namespace asio = boost::asio;

namespace {

#if defined(BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE) && BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE >= 8
constexpr double most = 0, most_at_once = 0, most_bounded = 0;
#else
constexpr double most = 8, most_at_once = 4, most_bounded = 11;
#endif

keel::static_pipeline<keel::hedge({.delay = 1h, .extra = 16}) | keel::breaker<keel::sliding_window>> p;
keel::static_pipeline<keel::timeout(2h) | keel::hedge({.delay = 1h}) | keel::breaker<keel::sliding_window>> bounded;

awaitable<int> at_once() { co_return 1; }
awaitable<int> soon() {
    co_await asio::post(asio::deferred);
    co_return 1;
}

/// How many allocations a call makes, once a hundred have been made.
template <class P, class F>
awaitable<double> allocations_of(P& by, F f) {
    for (int i = 0; i < 100; ++i)
        co_await keel::async(by, f);
    const long before = support::allocations();
    for (int i = 0; i < 1000; ++i)
        co_await keel::async(by, f);
    co_return static_cast<double>(support::allocations() - before) / 1000;
}

awaitable<void> count_all() {
    CHECK(co_await allocations_of(p, at_once) <= most_at_once);
    CHECK(co_await allocations_of(p, soon) <= most);
    CHECK(co_await allocations_of(bounded, soon) <= most_bounded);
}

} // namespace

TEST_CASE("a hedged call whose first attempt wins allocates a few blocks, or none where Asio keeps enough of them") {
    asio::io_context context;
    support::run_to_end(context, context.get_executor(), count_all);
}

TEST_CASE("nor does it allocate more in a strand") {
    asio::io_context context;
    support::run_to_end(context, asio::make_strand(context), count_all);
}
