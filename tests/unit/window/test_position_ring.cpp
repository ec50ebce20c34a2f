// SPDX-License-Identifier: BSL-1.0
#include <keel/sync/atomics.hpp>
#include <keel/window/position_ring.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <thread>
#include <vector>

using keel::detail::look_up;

namespace {
template <std::size_t Capacity>
using ring = keel::detail::position_ring<Capacity, keel::std_atomics>;
} // namespace

TEST_CASE("an empty ring holds nothing") {
    const ring<3> r;
    CHECK(r.noted() == 0);
    CHECK(r.holds(1, 0, 0) == look_up::no);
    CHECK(r.after(0, 0).all == 0);
}

TEST_CASE("a ring holds k exactly if the k-th latest lies after the given position") {
    ring<4> r;
    for (const std::uint64_t position : {3u, 5u, 9u})
        r.note(position, false);
    CHECK(r.noted() == 3);
    CHECK(r.holds(1, 8, 3) == look_up::yes);
    CHECK(r.holds(1, 9, 3) == look_up::no);
    CHECK(r.holds(2, 4, 3) == look_up::yes);
    CHECK(r.holds(2, 5, 3) == look_up::no);
    CHECK(r.holds(3, 2, 3) == look_up::yes);
    CHECK(r.holds(3, 3, 3) == look_up::no);
    CHECK(r.holds(4, 0, 3) == look_up::no); // only three were noted
}

TEST_CASE("a ring is asked about the first so many of what it has noted") {
    ring<4> r;
    for (const std::uint64_t position : {3u, 5u, 9u})
        r.note(position, false);
    CHECK(r.holds(1, 4, 2) == look_up::yes);
    CHECK(r.holds(1, 5, 2) == look_up::no);
    CHECK(r.holds(2, 2, 2) == look_up::yes);
    CHECK(r.holds(3, 0, 2) == look_up::no);
    CHECK(r.after(2, 2).all == 2);
    CHECK(r.after(2, 3).all == 3);
}

TEST_CASE(
    "a ring looks up its whole capacity, however often its places were used, and one that is being noted besides") {
    ring<3> r;
    for (std::uint64_t n = 1; n <= 20; ++n) {
        r.note(n, false);
        if (n < 3) continue;
        REQUIRE(r.holds(3, n - 3, n) == look_up::yes);
        REQUIRE(r.holds(3, n - 2, n) == look_up::no);
        // As who asked before the last one was noted.
        if (n > 3) REQUIRE(r.holds(3, n - 4, n - 1) == look_up::yes);
    }
}

TEST_CASE("a ring that was overtaken by a whole round says that it is outdated, and not what it can't know") {
    ring<3> r;
    for (std::uint64_t n = 1; n <= 3; ++n)
        r.note(n, false);
    r.note(4, false);
    CHECK(r.holds(3, 0, 3) == look_up::yes); // four places: the first is still there
    r.note(5, false);
    CHECK(r.holds(3, 0, 3) == look_up::outdated);
    CHECK(r.holds(3, 5, 3) == look_up::no);
    CHECK(r.holds(2, 0, 3) == look_up::yes);
}

TEST_CASE("a ring tells apart the marked ones") {
    ring<4> r;
    r.note(1, true);
    r.note(2, false);
    r.note(5, true);
    r.note(6, true);
    const auto found = [&](std::uint64_t since) { return r.after(since, r.noted()); };
    CHECK(found(0).all == 4);
    CHECK(found(0).marked == 3);
    CHECK(found(1).all == 3);
    CHECK(found(1).marked == 2);
    CHECK(found(4).all == 2);
    CHECK(found(4).marked == 2);
    CHECK(found(6).all == 0);
    CHECK(found(6).marked == 0);
    CHECK(r.holds(4, 0, 4) == look_up::yes); // the mark is no part of the position
    CHECK(r.holds(1, 6, 4) == look_up::no);
}

TEST_CASE("a ring counts no more than its capacity") {
    ring<3> r;
    for (std::uint64_t n = 1; n <= 10; ++n) {
        r.note(n, true);
        CHECK(r.after(0, n).all == std::min<std::uint64_t>(n, 3));
        CHECK(r.after(0, n).marked == std::min<std::uint64_t>(n, 3));
    }
}

TEST_CASE("a ring of one place looks up the latest") {
    ring<1> r;
    r.note(1, false);
    CHECK(r.holds(1, 0, 1) == look_up::yes);
    r.note(7, false);
    CHECK(r.holds(1, 6, 2) == look_up::yes);
    CHECK(r.holds(1, 7, 2) == look_up::no);
    CHECK(r.after(0, 2).all == 1);
}

TEST_CASE("a ring holds what a list of positions would") {
    std::mt19937_64 random(1);
    ring<8> r;
    std::deque<std::uint64_t> last;
    std::uint64_t position = 0, marked[8]{};
    for (std::uint64_t n = 1; n <= 5000; ++n) {
        position += random() % 4;
        const bool mark = random() % 2 == 0;
        r.note(position, mark);
        last.push_front(position);
        for (int i = 7; i > 0; --i)
            marked[i] = marked[i - 1];
        marked[0] = mark;
        if (last.size() > 8) last.pop_back();
        const std::uint64_t since = position - std::min<std::uint64_t>(position, random() % 20);
        std::uint64_t all = 0, of_these = 0;
        while (all < last.size() && last[all] > since)
            of_these += marked[all++];
        REQUIRE(r.after(since, n).all == all);
        REQUIRE(r.after(since, n).marked == of_these);
        for (std::uint64_t k = 1; k <= 8; ++k)
            REQUIRE(r.holds(k, since, n) == (all >= k ? look_up::yes : look_up::no));
    }
}

TEST_CASE("all that threads note at once is noted") {
    ring<4000> r;
    std::vector<std::jthread> running;
    for (std::uint64_t t = 0; t < 4; ++t) {
        running.emplace_back([&, t] {
            for (std::uint64_t i = 0; i < 1000; ++i)
                r.note(1 + i, t % 2 == 0);
        });
    }
    running.clear();
    CHECK(r.noted() == 4000);
    CHECK(r.after(0, 4000).all == 4000);
    CHECK(r.after(0, 4000).marked == 2000);
}

TEST_CASE("a position that was noted late hides none of those before it") {
    ring<4> r;
    for (const std::uint64_t position : {20u, 21u, 3u, 22u, 4u})
        r.note(position, false);
    CHECK(r.after(10, r.noted()).all == 2); // of the latest four
}
