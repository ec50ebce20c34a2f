// SPDX-License-Identifier: BSL-1.0
#include <keel/sync/atomics.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using keel::detail::raise_to;

namespace {
/// Loses its first exchanges to somebody who stores `theirs`, or to nobody at all.
struct contested {
    int value = 0;
    std::vector<int> theirs;
    int exchanges = 0;

    int load(std::memory_order) const { return value; }
    bool compare_exchange_weak(int& seen, int next, std::memory_order, std::memory_order) {
        ++exchanges;
        if (!theirs.empty()) {
            value = theirs.front();
            theirs.erase(theirs.begin());
            seen = value;
            return false;
        }
        value = next;
        return true;
    }
};
} // namespace

TEST_CASE("raise_to raises, never lowers, and leaves alone what is there already") {
    contested c{.value = 5, .theirs = {}};
    raise_to(c, 9, std::memory_order_relaxed);
    CHECK(c.value == 9);
    CHECK(c.exchanges == 1);
    raise_to(c, 9, std::memory_order_relaxed);
    raise_to(c, 3, std::memory_order_relaxed);
    CHECK(c.value == 9);
    CHECK(c.exchanges == 1);
}

TEST_CASE("raise_to tries again while somebody else stores less, and ends once somebody stores more") {
    contested less{.value = 1, .theirs = {1, 2, 4}};
    raise_to(less, 9, std::memory_order_relaxed);
    CHECK(less.value == 9);
    CHECK(less.exchanges == 4);
    contested more{.value = 1, .theirs = {2, 11}};
    raise_to(more, 9, std::memory_order_relaxed);
    CHECK(more.value == 11);
    CHECK(more.exchanges == 2);
}

TEST_CASE("raise_to by many threads leaves the highest of their values") {
    std::atomic<int> highest{0};
    std::vector<std::jthread> running;
    for (int t = 1; t <= 4; ++t) {
        running.emplace_back([&, t] {
            for (int i = 0; i < 1000; ++i)
                raise_to(highest, i * 4 + t, std::memory_order_relaxed);
        });
    }
    running.clear();
    CHECK(highest == 999 * 4 + 4);
}

TEST_CASE("the standard atomics take their slots from the thread") {
    CHECK(keel::std_atomics::claim_slot() == keel::thread_slots::claim());
    CHECK(keel::std_atomics::slot() == keel::thread_slots::current());
    CHECK(keel::std_atomics::no_slot == keel::thread_slots::none);
}
