// SPDX-License-Identifier: BSL-1.0
#include <keel/cache.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/clock/steady_clock.hpp>
#include <keel/coalesce.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

using namespace std::chrono_literals;

// A few keys for many threads, so that most calls have others with their key. Nothing depends on how fast they are.

namespace {

constexpr int threads = 8;
constexpr std::size_t keys = 4;

template <class Work>
void by_threads(Work work) {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t)
        running.emplace_back([work, t] { work(t); });
}

struct looked_at_clock {
    keel::manual_clock time;

    keel::time_point now() const noexcept { return time.now(); }
    void sleep_until(keel::time_point t) const noexcept {
        std::this_thread::yield();
        time.sleep_until(t);
    }
};

struct stop_at_random {
    std::atomic<bool> on{false};
    bool stop_requested() const noexcept { return on; }
};

/// What the executions for one key have come to.
struct executions {
    std::atomic<int> inside{0};
    std::atomic<std::uint64_t> begun{0}, ended{0};
};

} // namespace

TEST_CASE_TEMPLATE("no key is executed twice at a time, and no result is older than the call for it", Clock,
                   keel::steady_clock, looked_at_clock) {
    keel::coalesce<std::size_t, std::string, Clock> flights;
    std::array<executions, keys> all;
    std::atomic<std::uint64_t> calls{0}, runs{0}, failures{0}, refusals{0};
    std::atomic<bool> is_sound{true};
    // All until the threads have ended: ThreadSanitizer does not see libstdc++ count the references to an exception.
    std::array<std::vector<std::exception_ptr>, threads> thrown;
    by_threads([&](int t) {
        std::mt19937_64 random(static_cast<std::uint64_t>(t) + 1);
        stop_at_random stop;
        const keel::context stoppable(stop), hurried(stop, flights.clock().now() + 200us);
        for (int i = 0; i < 2000; ++i) {
            const std::size_t key = random() % keys;
            executions& of_key = all[key];
            const std::uint64_t luck = random();
            const auto work = [&] {
                if (of_key.inside.fetch_add(1) != 0) is_sound = false;
                const std::uint64_t n = ++of_key.begun;
                ++runs;
                for (std::uint64_t turns = luck % 8; turns != 0; --turns)
                    std::this_thread::yield();
                if (luck / 8 % 8 == 0) stop.on = true;
                ++of_key.ended;
                of_key.inside.fetch_sub(1);
                if (luck / 64 % 4 == 0) throw std::runtime_error(std::to_string(n));
                return std::to_string(n);
            };
            stop.on = luck / 256 % 16 == 0;
            const std::uint64_t ended_before = of_key.ended;
            const auto r = luck / 4096 % 4 == 0   ? flights.attempt(hurried, key, work)
                           : luck / 4096 % 4 == 1 ? flights.attempt(stoppable, key, work)
                                                  : flights.attempt(key, work);
            ++calls;
            std::uint64_t n = 0;
            if (r) {
                n = std::stoull(*r);
            } else if (r.error().is_rejection()) {
                ++refusals;
                continue;
            } else {
                ++failures;
                thrown[static_cast<std::size_t>(t)].push_back(r.error().exception());
                try {
                    r.error().raise();
                } catch (const std::runtime_error& e) {
                    n = std::stoull(e.what());
                }
            }
            if (n < ended_before) is_sound = false;
        }
    });
    CHECK(is_sound);
    CHECK(calls == threads * 2000);
    CHECK(runs < calls);
    CHECK(failures > 0);
    CHECK(refusals > 0);
    CHECK(flights.in_flight() == 0);
    CHECK(flights.waiting() == 0);
}

TEST_CASE("who has changed the source, forgotten and erased never sees what was there before") {
    keel::manual_clock time;
    std::unordered_map<std::size_t, keel::cached<std::uint64_t>> store;
    keel::cache values{store, {.ttl = 100ns}, time};
    keel::coalesce<std::size_t, std::uint64_t> flights;
    std::array<std::atomic<std::uint64_t>, keys> source{};
    std::atomic<std::uint64_t> runs{0};
    std::atomic<bool> is_sound{true};
    by_threads([&](int t) {
        std::mt19937_64 random(static_cast<std::uint64_t>(t) + 1);
        std::array<std::uint64_t, keys> seen{};
        for (int i = 0; i < 4000; ++i) {
            const std::size_t key = random() % keys;
            if (random() % 8 == 0) {
                seen[key] = ++source[key];
                flights.forget(key);
                values.erase(key);
            }
            if (random() % 16 == 0) time.advance(30ns);
            if (random() % 256 == 0) static_cast<void>(values.erase_expired());
            const std::uint64_t read = values.coalesced(flights, key, [&] {
                ++runs;
                const std::uint64_t now = source[key];
                std::this_thread::yield();
                return now;
            });
            if (read < seen[key]) is_sound = false;
        }
    });
    CHECK(is_sound);
    const keel::cache_stats stats = values.stats();
    CHECK(stats.hits + stats.misses == threads * 4000);
    CHECK(stats.hits > 0);
    CHECK(runs > 0);
    CHECK(runs <= stats.misses);
    CHECK(flights.in_flight() == 0);
    CHECK(flights.waiting() == 0);
}
