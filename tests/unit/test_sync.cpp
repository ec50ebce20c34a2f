// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>
#include <keel/sync/sharded_count.hpp>

#include <doctest/doctest.h>

#include <set>
#include <thread>
#include <vector>

TEST_CASE("live threads have different slots, and an ended thread's slot is used again") {
    const auto mine = keel::thread_slots::claim();
    CHECK(keel::thread_slots::current() == mine);
    std::uint32_t first = keel::thread_slots::none, second = first;
    std::thread([&] { first = keel::thread_slots::claim(); }).join();
    std::thread([&] { second = keel::thread_slots::claim(); }).join();
    CHECK(first != mine);
    CHECK(first == second);
}

TEST_CASE("counts of threads that start and end all the time, more of them than shards, add up") {
    keel::sharded_count<2> counts;
    constexpr int rounds = 50, threads = 8, each = 1000;
    for (int r = 0; r < rounds; ++r) {
        std::vector<std::jthread> running;
        for (int t = 0; t < threads; ++t) {
            running.emplace_back([&] {
                for (int i = 0; i < each; ++i)
                    counts.count();
            });
        }
    }
    CHECK(counts.sum() == std::uint64_t{rounds} * threads * each);
}

TEST_CASE("a pipeline shared by threads loses no call, and trips once they all fail") {
    keel::pipeline p{keel::timeout | keel::retry<>({.attempts = 1}) | keel::breaker<keel::sliding_window>};
    std::atomic<int> calls{0};
    {
        std::vector<std::jthread> running;
        for (int t = 0; t < 8; ++t) {
            running.emplace_back([&] {
                for (int i = 0; i < 2000; ++i)
                    p([&] { calls.fetch_add(1, std::memory_order_relaxed); });
            });
        }
    }
    CHECK(calls == 16'000);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
    {
        std::vector<std::jthread> running;
        for (int t = 0; t < 8; ++t) {
            running.emplace_back([&] {
                for (int i = 0; i < 200; ++i)
                    static_cast<void>(p([]() -> std::error_code { return std::make_error_code(std::errc::io_error); }));
            });
        }
    }
    CHECK(p.circuit().state() == keel::circuit_state::open);
}

TEST_CASE("a window never trips below its rate, however its threads are interrupted") {
    keel::pipeline p{
        keel::breaker<keel::sliding_window>({.window = {.calls = 256}, .failure_rate = 1, .minimum_calls = 256})};
    std::vector<std::jthread> running;
    for (int t = 0; t < 2; ++t) {
        running.emplace_back([&] {
            for (int i = 0; i < 20'000; ++i) {
                static_cast<void>(p([]() -> std::error_code { return std::make_error_code(std::errc::io_error); }));
                static_cast<void>(p([] { return std::error_code(); }));
            }
        });
    }
    running.clear();
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}
