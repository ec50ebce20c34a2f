// SPDX-License-Identifier: BSL-1.0
#include "by_threads.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/error.hpp>
#include <keel/hedge.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::deferred;
namespace asio = boost::asio;

// Four threads run one context. What happens depends on their speed; what must add up does not.

namespace {

constexpr unsigned threads = 4;

constexpr auto chain = keel::timeout(300us) | keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 50us}}) |
                       keel::named<"permits">(keel::bulkhead({.permits = 40})) |
                       keel::breaker<keel::sliding_window>({.failure_rate = 1.0, .open_for = 1ms});
constexpr auto hedged = keel::timeout(1ms) | keel::hedge({.delay = 50us, .extra = 2}) | chain;

struct tally {
    std::atomic<long> called{0}, succeeded{0}, refused{0}, failed{0}, cancelled{0};
    std::atomic<long> begun{0}, ended{0}; ///< attempts
};

/// Completes in a thread of another pool.
auto elsewhere(asio::thread_pool& pool) {
    return asio::async_initiate<const asio::deferred_t, void()>(
        [&pool](auto handler) {
            asio::post(pool, [h = std::move(handler)]() mutable {
                const auto on = asio::get_associated_executor(h);
                asio::post(on, std::move(h));
            });
        },
        deferred);
}

/// An attempt of one of several kinds.
awaitable<void> attempt(tally& t, asio::thread_pool& pool, unsigned kind) {
    ++t.begun;
    const std::unique_ptr<tally, decltype([](tally* of) { ++of->ended; })> at_end(&t);
    if (kind % 6 == 1) co_await asio::post(deferred);
    if (kind % 6 == 2) co_await elsewhere(pool);
    if (kind % 6 == 3 || kind % 6 == 4) {
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::microseconds(kind % 600));
        co_await timer.async_wait(deferred);
    }
    if (kind % 6 == 5) {
        co_await asio::post(deferred);
        throw std::runtime_error("no");
    }
}

template <class Pipeline>
awaitable<void> call(Pipeline& p, tally& t, asio::thread_pool& pool, unsigned kind) {
    ++t.called;
    try {
        const auto run = [&t, &pool](unsigned k) { return attempt(t, pool, k); };
        co_await keel::async(p, run, kind);
        ++t.succeeded;
    } catch (const keel::rejected&) {
        ++t.refused;
    } catch (const boost::system::system_error&) {
        ++t.cancelled;
    } catch (const std::runtime_error&) {
        ++t.failed;
    }
}

/// Nothing is in flight, and all attempts have ended.
template <class Pipeline>
void check(Pipeline& p, const tally& t) {
    CHECK(t.succeeded > 0);
    CHECK(t.called == t.succeeded + t.refused + t.failed + t.cancelled);
    CHECK(t.begun == t.ended);
    CHECK(p.template get<"permits">().in_flight() == 0);
    const auto totals = p.circuit().stats().totals;
    CHECK(static_cast<long>(totals.calls) == t.begun);
}

template <class Chain>
void run_calls(const Chain& c, bool in_strands) {
    constexpr unsigned coroutines = 32;
    constexpr int each = 200;
    keel::pipeline p{c};
    tally t;
    asio::thread_pool pool(1);
    asio::io_context context;
    const auto many = [&](unsigned seed) -> awaitable<void> {
        std::mt19937 random(seed);
        for (int i = 0; i < each; ++i)
            co_await call(p, t, pool, static_cast<unsigned>(random()));
    };
    std::atomic<int> done{0};
    const auto end = [&](std::exception_ptr thrown) { done += thrown ? 0 : 1; };
    for (unsigned i = 0; i < coroutines; ++i) {
        if (in_strands)
            asio::co_spawn(asio::make_strand(context), many(i), end);
        else
            asio::co_spawn(context, many(i), end);
    }
    by_threads(threads, [&](unsigned) { context.run(); });
    pool.join();
    CHECK(done == coroutines);
    CHECK(t.called == coroutines * each);
    check(p, t);
}

/// A coroutine that makes calls, which another one cancels now and then.
struct cancelled_caller {
    explicit cancelled_caller(asio::io_context& in)
      : strand(asio::make_strand(in)) {}

    asio::strand<asio::io_context::executor_type> strand;
    std::optional<asio::cancellation_signal> signal;
    bool has_ended = true;
};

template <class Chain>
void run_cancelled(const Chain& c) {
    constexpr unsigned coroutines = 16;
    constexpr int rounds = 100;
    keel::pipeline p{c};
    tally t;
    asio::thread_pool pool(1);
    asio::io_context context;
    std::list<cancelled_caller> callers;
    for (unsigned i = 0; i < coroutines; ++i) {
        cancelled_caller& it = callers.emplace_back(context);
        const auto drive = [&, seed = i]() -> awaitable<void> {
            std::mt19937 random(seed);
            asio::steady_timer timer(it.strand);
            for (int round = 0; round < rounds; ++round) {
                it.signal.emplace();
                it.has_ended = false;
                const unsigned kind = static_cast<unsigned>(random());
                asio::co_spawn(
                    it.strand,
                    [&, kind]() -> awaitable<void> {
                        for (unsigned n = 0; n < 3; ++n) {
                            co_await call(p, t, pool, kind + n);
                        }
                    },
                    asio::bind_cancellation_slot(it.signal->slot(), [&](std::exception_ptr) { it.has_ended = true; }));
                timer.expires_after(std::chrono::microseconds(random() % 500));
                co_await timer.async_wait(deferred);
                while (!it.has_ended) {
                    it.signal->emit(asio::cancellation_type::terminal);
                    co_await asio::post(deferred);
                }
            }
        };
        asio::co_spawn(it.strand, drive, [](std::exception_ptr thrown) { CHECK(!thrown); });
    }
    by_threads(threads, [&](unsigned) { context.run(); });
    pool.join();
    check(p, t);
}

} // namespace

TEST_CASE("coroutines in any number of threads take and give back") {
    run_calls(chain, false);
    run_calls(chain, true);
}

TEST_CASE("coroutines that race one another take and give back") {
    run_calls(hedged, false);
    run_calls(hedged, true);
}

TEST_CASE("coroutines that are cancelled in the midst of all that take and give back") {
    run_cancelled(chain);
    run_cancelled(hedged);
}
