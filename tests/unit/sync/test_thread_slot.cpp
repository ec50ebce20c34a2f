// SPDX-License-Identifier: BSL-1.0
#include <keel/sync/thread_slot.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <thread>
#include <vector>

using keel::thread_slots;

namespace {
// Destroyed after the thread's slot, for it is made first: thread-local objects go in reverse order.
struct late_claim {
    std::uint32_t* claimed = nullptr;
    std::uint32_t* current = nullptr;
    ~late_claim() {
        if (claimed == nullptr) return;
        *claimed = thread_slots::claim();
        *current = thread_slots::current();
    }
};
thread_local late_claim at_exit;
} // namespace

TEST_CASE("live threads have different slots, and an ended thread's slot is used again") {
    const auto mine = thread_slots::claim();
    CHECK(thread_slots::current() == mine);
    CHECK(thread_slots::claim() == mine);
    std::uint32_t first = thread_slots::none, second = first;
    std::thread([&] { first = thread_slots::claim(); }).join();
    std::thread([&] { second = thread_slots::claim(); }).join();
    CHECK(first != mine);
    CHECK(first == second);
    CHECK(first < thread_slots::capacity);
}

TEST_CASE("a thread has no slot until it claims one") {
    std::uint32_t before = 0, after = 0, claimed = 0;
    std::thread([&] {
        before = thread_slots::current();
        claimed = thread_slots::claim();
        after = thread_slots::current();
    }).join();
    CHECK(before == thread_slots::none);
    CHECK(after == claimed);
}

TEST_CASE("no two of as many threads as there are slots share one, and those beyond have none") {
    constexpr std::uint32_t beyond = 8, threads = thread_slots::capacity + beyond;
    // Twice, for all of them must have been given back.
    std::uint32_t without_before = 0;
    for (int round = 0; round < 2; ++round) {
        std::vector<std::uint32_t> slots(threads);
        std::atomic<std::uint32_t> claimed{0};
        std::vector<std::jthread> running;
        for (std::uint32_t t = 0; t < threads; ++t) {
            running.emplace_back([&, t] {
                slots[t] = thread_slots::claim();
                ++claimed;
                claimed.notify_all();
                // All live at once: nobody ends before the last one has claimed.
                for (std::uint32_t seen = claimed; seen < threads; seen = claimed)
                    claimed.wait(seen);
            });
        }
        running.clear();
        const auto without = static_cast<std::uint32_t>(std::ranges::count(slots, thread_slots::none));
        std::erase(slots, thread_slots::none);
        const std::set<std::uint32_t> different(slots.begin(), slots.end());
        CHECK(different.size() == slots.size());
        // This thread, and others of the program, may hold some.
        CHECK(without >= beyond);
        CHECK(without <= beyond + 4);
        CHECK((round == 0 || without == without_before));
        without_before = without;
        CHECK(*different.rbegin() == thread_slots::capacity - 1);
    }
    std::uint32_t again = thread_slots::none;
    std::thread([&] { again = thread_slots::claim(); }).join();
    CHECK(again < thread_slots::capacity);
}

TEST_CASE("two threads that claim at once have different slots") {
    for (int round = 0; round < 1000; ++round) {
        std::uint32_t slots[2];
        std::atomic<int> ready{0};
        const auto claim = [&](std::uint32_t& slot) {
            ++ready;
            while (ready < 2)
                std::this_thread::yield();
            slot = thread_slots::claim();
            ++ready;
            while (ready < 4) // neither ends before both have claimed
                std::this_thread::yield();
        };
        std::thread one(claim, std::ref(slots[0])), other(claim, std::ref(slots[1]));
        one.join(), other.join();
        REQUIRE(slots[0] != slots[1]);
    }
}

TEST_CASE("what a thread wrote under its slot is seen by the slot's next owner") {
    thread_slots::claim();
    std::uint64_t plain = 0; // no atomic: the slot itself hands it over
    std::set<std::uint32_t> slots;
    for (int i = 0; i < 100; ++i) {
        std::thread([&] {
            slots.insert(thread_slots::claim());
            ++plain;
        }).join();
    }
    CHECK(plain == 100);
    CHECK(slots.size() == 1);
}

TEST_CASE("a thread that is ending can claim no slot any more, and has none") {
    std::uint32_t claimed = 0, current = 0, before = 0;
    std::thread([&] {
        at_exit.claimed = &claimed;
        at_exit.current = &current;
        before = thread_slots::claim();
    }).join();
    CHECK(before < thread_slots::capacity);
    CHECK(claimed == thread_slots::none);
    CHECK(current >= thread_slots::capacity);
}
