// SPDX-License-Identifier: BSL-1.0
#include "by_threads.hpp"

#include <keel/clock/manual_clock.hpp>
#include <keel/limit.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/throttle.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>

using namespace std::chrono_literals;

// Time goes on only where a test says so: what comes out is exact, however the threads run.

namespace {

constexpr unsigned threads = 8;

/// How many of the calls that the threads make at one time are let through.
template <class Pipeline>
int let_through(Pipeline& p, int calls) {
    std::atomic<int> passed{0};
    by_threads(threads, [&](unsigned) {
        for (int i = 0; i < calls; ++i) {
            if (p.attempt([] {})) ++passed;
        }
    });
    return passed;
}

} // namespace

TEST_CASE("a rate limit grants its burst once among all threads, and then what time brings") {
    keel::manual_clock clock;
    keel::pipeline p{keel::rate_limit({.rate = 1000, .per = 1s, .burst = 300}), clock};
    CHECK(let_through(p, 200) == 300);
    clock.advance(100ms);
    CHECK(let_through(p, 200) == 100);
    clock.advance(1h);
    CHECK(let_through(p, 200) == 300);
}

TEST_CASE("a fixed window grants its limit once among all threads, and again in the next one") {
    keel::manual_clock clock;
    keel::pipeline p{keel::rate_limit(keel::fixed_window{.limit = 250, .period = 1s}), clock};
    for (int window = 0; window < 5; ++window) {
        CHECK(let_through(p, 100) == 250);
        clock.advance(1s);
    }
}

TEST_CASE("a rate limit grants no more than time has brought while it goes on") {
    keel::manual_clock clock;
    keel::pipeline p{keel::rate_limit({.rate = 1'000'000, .per = 1s, .burst = 50}), clock};
    std::atomic<int> passed{0};
    by_threads(threads, [&](unsigned t) {
        for (int i = 0; i < 4000; ++i) {
            if (t == 0) clock.advance(1us);
            if (p.attempt([] {})) ++passed;
        }
    });
    CHECK(passed >= 50);
    CHECK(passed <= 4000 + 50);
}

TEST_CASE_TEMPLATE("no more are inside than the limit may grow to, and none stays", Strategy, keel::gradient,
                   keel::aimd) {
    keel::manual_clock clock;
    constexpr auto four = keel::limit<Strategy>({.min = 1, .initial = 2, .max = 4, .window = 100us});
    keel::pipeline p{keel::named<"limit">(four), clock};
    std::atomic<int> inside{0}, most{0}, ran{0}, refused{0};
    by_threads(threads, [&](unsigned t) {
        std::mt19937_64 random(t + 1);
        for (int i = 0; i < 3000; ++i) {
            const auto r = p.attempt([&] {
                const int now = inside.fetch_add(1) + 1;
                keel::detail::raise_to(most, now, std::memory_order_relaxed);
                std::this_thread::yield();
                clock.advance(1us);
                inside.fetch_sub(1);
                ++ran;
                if (random() % 8 == 0) throw 1;
            });
            if (!r && r.error() == keel::errc::limit_exceeded) ++refused;
        }
    });
    CHECK(ran + refused == 3000 * static_cast<int>(threads));
    CHECK(most <= 4);
    CHECK(p.template get<"limit">().in_flight() == 0);
    CHECK(p.template get<"limit">().limit() >= 1);
    CHECK(p.template get<"limit">().limit() <= 4);
}

TEST_CASE("a throttle loses no request and no success, with more threads than shards") {
    keel::manual_clock clock;
    constexpr auto by_two = keel::basic_throttle<{.shards = 2}>;
    keel::pipeline p{keel::named<"throttle">(by_two({.k = 1.5})), clock};
    std::atomic<std::uint64_t> accepted{0};
    by_threads(threads, [&](unsigned t) {
        for (int i = 0; i < 4000; ++i) {
            const auto r = p.attempt([&] {
                if ((i + static_cast<int>(t)) % 3 != 0) throw 1;
            });
            if (r) ++accepted;
        }
    });
    const keel::throttle_stats s = p.get<"throttle">().stats();
    CHECK(s.requests == 4000 * threads);
    CHECK(s.accepts == accepted);
    CHECK(s.accepts < s.requests / 3 + 1);
}
