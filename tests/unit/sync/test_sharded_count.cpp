// SPDX-License-Identifier: BSL-1.0
#include <keel/sync/cache_line.hpp>
#include <keel/sync/sharded_count.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace {
/// The slot is what the test says, as if this were any thread.
struct told_slots {
    template <class T>
    using atomic = std::atomic<T>;
    static constexpr std::uint32_t no_slot = keel::thread_slots::none;
    static inline std::uint32_t mine = no_slot, claimable = no_slot;
    static inline int claims = 0;
    static std::uint32_t slot() noexcept { return mine; }
    static std::uint32_t claim_slot() noexcept { return ++claims, mine = claimable; }
};
using counts = keel::sharded_count<2, told_slots>;

void become(std::uint32_t slot, std::uint32_t claimable) {
    told_slots::mine = slot;
    told_slots::claimable = claimable;
    told_slots::claims = 0;
}
} // namespace

TEST_CASE("a count is made without claiming anything by a thread that owns a shard") {
    counts c;
    for (const std::uint32_t slot : {0u, 1u}) {
        become(slot, slot);
        CHECK(c.try_count());
        c.count();
    }
    CHECK(told_slots::claims == 0);
    CHECK(c.sum() == 4);
}

TEST_CASE("a thread without a shard can't count on the healthy path, and claims one off it") {
    counts c;
    become(told_slots::no_slot, 1);
    CHECK(!c.try_count());
    CHECK(c.sum() == 0);
    c.count();
    CHECK(told_slots::claims == 1);
    CHECK(c.sum() == 1);
    CHECK(c.try_count());
}

TEST_CASE("threads beyond the shards share one more, whether their slot is too high or they have none") {
    counts c;
    for (const std::uint32_t slot : {2u, 255u, told_slots::no_slot}) {
        become(slot, slot);
        CHECK(!c.try_count());
        c.count();
        c.count();
    }
    CHECK(c.sum() == 6);
}

TEST_CASE("no two shards share a cache line") {
    CHECK(sizeof(counts) == 3 * keel::cache_line);
    CHECK(alignof(counts) == keel::cache_line);
    CHECK(keel::cache_line == 64);
}

TEST_CASE("counts of threads that start and end all the time, more of them than shards, add up") {
    keel::sharded_count<2> c;
    constexpr int rounds = 50, threads = 8, each = 1000;
    for (int r = 0; r < rounds; ++r) {
        std::vector<std::jthread> running;
        for (int t = 0; t < threads; ++t) {
            running.emplace_back([&] {
                for (int i = 0; i < each; ++i)
                    c.count();
            });
        }
    }
    CHECK(c.sum() == std::uint64_t{rounds} * threads * each);
}

TEST_CASE("a sum that is read while threads count never falls and never exceeds the end") {
    keel::sharded_count<2> c;
    constexpr std::uint64_t threads = 3, each = 20'000;
    std::vector<std::jthread> running;
    for (std::uint64_t t = 0; t < threads; ++t) {
        running.emplace_back([&] {
            for (std::uint64_t i = 0; i < each; ++i)
                c.count();
        });
    }
    std::uint64_t last = 0;
    bool rose = true;
    while (last < threads * each) {
        const std::uint64_t sum = c.sum();
        rose = rose && sum >= last && sum <= threads * each;
        last = sum;
    }
    CHECK(rose);
}
