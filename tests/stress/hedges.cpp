// SPDX-License-Identifier: BSL-1.0
#include "by_threads.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/context.hpp>
#include <keel/detail/latency_percentile.hpp>
#include <keel/duration.hpp>
#include <keel/hedge.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry_budget.hpp>

#include <doctest/doctest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <random>
#include <stdexcept>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::nanos;
namespace asio = boost::asio;

// Which attempt wins depends on the speed of the threads; that one does, and what it leaves behind, does not.

namespace {

constexpr unsigned threads = 4;

/// What an attempt of a call gives: move-only, so that it is lost if two of them get in each other's way.
struct answer {
    int call;
    std::unique_ptr<std::uint32_t> attempt;
};

struct tally {
    std::atomic<std::uint64_t> succeeded{0}, failed{0}, begun{0}, ended{0};
};

awaitable<answer> attempt(const keel::context& c, tally& t, int call, unsigned kind) {
    const std::uint32_t n = c.attempt();
    ++t.begun;
    const std::unique_ptr<tally, decltype([](tally* of) { ++of->ended; })> at_end(&t);
    std::mt19937 random(kind + n);
    if (random() % 4 != 0) {
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::microseconds(random() % 100));
        co_await timer.async_wait(asio::deferred);
    }
    if (random() % 4 == 0) throw std::runtime_error("no");
    if (random() % 4 == 0) co_await asio::post(asio::deferred);
    co_return answer{call, std::make_unique<std::uint32_t>(n)};
}

void hedge_calls(keel::hedge_config config, bool in_strands) {
    constexpr int coroutines = 32, each = 150;
    keel::retry_budget budget{{.max_tokens = 1000, .ratio = 1}};
    config.budget = &budget;
    keel::pipeline p{keel::named<"hedge">(keel::hedge(config)) |
                     keel::named<"permits">(keel::bulkhead({.permits = 1000})) |
                     keel::breaker<keel::sliding_window>({.failure_rate = 1.0})};
    tally t;
    asio::io_context context;
    std::atomic<int> done{0}, wrong{0};
    const auto many = [&](int first) -> awaitable<void> {
        std::mt19937 random(static_cast<unsigned>(first));
        for (int i = first; i < first + each; ++i) {
            const unsigned kind = static_cast<unsigned>(random());
            try {
                const auto run = [&t, i, kind](const keel::context& c) { return attempt(c, t, i, kind); };
                const answer a = co_await keel::async(p, run);
                ++t.succeeded;
                const auto most = static_cast<std::uint32_t>(config.extra) + 1;
                if (a.call != i || a.attempt == nullptr || *a.attempt < 1 || *a.attempt > most) ++wrong;
            } catch (const std::runtime_error&) {
                ++t.failed;
            }
        }
    };
    const auto end = [&](std::exception_ptr thrown) { done += thrown ? 0 : 1; };
    for (int i = 0; i < coroutines; ++i) {
        if (in_strands)
            asio::co_spawn(asio::make_strand(context), many(i * each), end);
        else
            asio::co_spawn(context, many(i * each), end);
    }
    by_threads(threads, [&](unsigned) { context.run(); });

    CHECK(done == coroutines);
    CHECK(wrong == 0);
    CHECK(t.succeeded > 0);
    CHECK(t.succeeded + t.failed == coroutines * each);
    CHECK(t.begun == t.ended);
    const auto& h = p.get<"hedge">();
    CHECK(t.begun <= coroutines * each + h.started());
    CHECK(h.won() <= h.started());
    CHECK(h.won() <= t.succeeded);
    CHECK(p.get<"permits">().in_flight() == 0);
    const auto totals = p.circuit().stats().totals;
    CHECK(totals.calls == t.begun);
    CHECK(totals.calls == totals.successes + totals.failures + totals.ignored);
    CHECK(totals.successes >= t.succeeded);
    CHECK(budget.tokens() >= 500);
    CHECK(budget.tokens() <= 1000);
}

} // namespace

TEST_CASE("of a call's attempts in any number of threads one wins, and all end") {
    for (const bool in_strands : {false, true}) {
        hedge_calls({.delay = 0ms, .extra = 16}, in_strands);
        hedge_calls({.delay = 30us, .extra = 3}, in_strands);
        hedge_calls({.delay = 30us, .percentile = 0.5, .extra = 2}, in_strands);
    }
}

TEST_CASE("an alarm that rings while another thread still sets it is not missed") {
    constexpr int extra = 3;
    keel::pipeline p{keel::hedge({.delay = 0ms, .extra = extra})};
    asio::io_context context;
    std::atomic<int> done{0};
    const auto many = [&]() -> awaitable<void> {
        for (int i = 0; i < 500; ++i) {
            std::atomic<int> begun{0};
            // Each attempt goes on until all have begun.
            const auto run = [&begun]() -> awaitable<void> {
                ++begun;
                while (begun <= extra)
                    co_await asio::post(asio::deferred);
            };
            co_await keel::async(p, run);
            ++done;
        }
    };
    for (int i = 0; i < 8; ++i)
        asio::co_spawn(context, many(), asio::detached);
    by_threads(threads, [&](unsigned) { context.run(); });
    CHECK(done == 8 * 500);
}

TEST_CASE("a percentile that many threads count for stays among what they count, and goes on counting") {
    keel::detail::latency_percentile it;
    std::atomic<int> wrong{0};
    by_threads(threads, [&](unsigned t) {
        std::mt19937 random(t);
        for (int i = 0; i < 100'000; ++i) {
            it.count(1ms + std::chrono::microseconds(random() % 2000), 0.5);
            const nanos said = it.value();
            if (said.count >= 0 && (said < nanos(1ms) || said > nanos(3375us))) ++wrong;
        }
    });
    CHECK(wrong == 0);
    for (unsigned i = 0; i < 3 * keel::detail::latency_percentile::halve_after; ++i)
        it.count(20ms, 0.5);
    CHECK(it.value() > nanos(20ms));
    CHECK(it.value() < nanos(22500us));
}
