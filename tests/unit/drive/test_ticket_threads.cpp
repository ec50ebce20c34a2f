// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

TEST_CASE("a ticket ends on any thread, and its permits, probes and counts are where they belong") {
    constexpr int calls = 2000, threads = 3;
    keel::pipeline p{keel::timeout(1h) | keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 0ms}}) |
                     keel::named<"permits">(keel::bulkhead({.permits = calls})) |
                     keel::breaker<keel::sliding_window>({.failure_rate = 1})};
    std::mutex mutex;
    std::deque<decltype(p.begin())> under_way;
    int to_come = 2 * calls; // attempts

    // Each takes any ticket, and goes on with it: half of them fail, and are tried again by whoever takes them then.
    const auto work = [&](int n) {
        for (;; ++n) {
            std::unique_lock lock(mutex);
            if (to_come == 0) return;
            if (under_way.empty()) {
                lock.unlock();
                std::this_thread::yield();
                continue;
            }
            auto t = std::move(under_way.front());
            under_way.pop_front();
            lock.unlock();
            if (t.waiting()) t.resume();
            const bool was_first = t.attempt() == 1;
            const bool is_to_fail = was_first && n % 2 == 0;
            const bool goes_on = is_to_fail ? bool(t.failure()) : bool(t.success());
            lock.lock();
            to_come -= was_first && !goes_on ? 2 : 1;
            if (goes_on) under_way.push_back(std::move(t));
        }
    };
    std::vector<std::thread> running;
    for (int n = 0; n < threads; ++n)
        running.emplace_back(work, n);
    for (int i = 0; i < calls; ++i) {
        auto t = p.begin();
        const std::scoped_lock lock(mutex);
        under_way.push_back(std::move(t));
    }
    for (std::thread& each : running)
        each.join();
    CHECK(p.get<"permits">().in_flight() == 0);
    const auto totals = p.circuit().stats().totals;
    CHECK(totals.successes == calls);
    CHECK(totals.calls == totals.successes + totals.failures);
    CHECK(totals.ignored == 0);
}
