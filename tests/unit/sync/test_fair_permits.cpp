// SPDX-License-Identifier: BSL-1.0
#include "support/naive_permits.hpp"
#include "support/seed.hpp"

#include <keel/sync/atomics.hpp>
#include <keel/sync/fair_permits.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <vector>

using permits_of_4 = keel::fair_permits<4>;
using entry = permits_of_4::entry;

static_assert(keel::fair_permits<2>::most_permits == 1'000'000);

namespace {
permits_of_4::ticket in_line(permits_of_4& p, std::uint32_t permits) {
    permits_of_4::ticket mine{};
    REQUIRE(p.enter(permits, mine) == entry::in_line);
    return mine;
}
} // namespace

TEST_CASE("there are as many permits as were asked for, and what is given back can be taken again") {
    permits_of_4 p;
    for (int round = 0; round < 3; ++round) {
        for (std::uint32_t i = 0; i < 3; ++i) {
            CHECK(!p.is_full(3));
            CHECK(p.in_use(3) == i);
            CHECK(p.try_take(3));
        }
        CHECK(p.is_full(3));
        CHECK(!p.try_take(3));
        CHECK(p.in_use(3) == 3);
        CHECK(p.in_use(2) == 2); // never more than there are
        for (int i = 0; i < 3; ++i)
            p.give_back(3);
        CHECK(p.in_use(3) == 0);
    }
}

TEST_CASE("who enters while a permit is free takes it and stands in no line") {
    permits_of_4 p;
    permits_of_4::ticket t{};
    CHECK(p.enter(1, t) == entry::took_permit);
    CHECK(p.waiting() == 0);
    CHECK(p.enter(1, t) == entry::in_line);
    CHECK(p.waiting() == 1);
}

TEST_CASE("permits are handed over first come, first served, and nobody overtakes who waits") {
    permits_of_4 p;
    CHECK(p.try_take(1));
    const auto first = in_line(p, 1), second = in_line(p, 1);
    CHECK(p.ahead_of(first) == 0);
    CHECK(p.ahead_of(second) == 1);
    p.give_back(1);
    CHECK(p.is_handed_over(first));
    CHECK(!p.is_handed_over(second));
    CHECK(p.ahead_of(first) == 0); // not in line any more
    CHECK(p.ahead_of(second) == 0);
    CHECK(!p.try_take(1));
    p.give_back(1);
    CHECK(p.is_handed_over(second));
    CHECK(!p.try_take(1));
    p.give_back(1);
    CHECK(p.try_take(1));
}

TEST_CASE("one who comes by with a larger idea of how many permits there are does not overtake either") {
    permits_of_4 p;
    CHECK(p.try_take(1));
    const auto waits = in_line(p, 1);
    CHECK(!p.try_take(2));
    CHECK(!p.is_handed_over(waits));
    p.give_back(1);
    CHECK(p.is_handed_over(waits));
}

TEST_CASE("who has left gets no permit: it goes to the next, or becomes free") {
    permits_of_4 p;
    CHECK(p.try_take(1));
    const auto first = in_line(p, 1), second = in_line(p, 1), third = in_line(p, 1);
    CHECK(p.leave(second));
    CHECK(p.waiting() == 3); // it is behind somebody who waits
    CHECK(p.leave(first));
    CHECK(p.waiting() == 1);
    CHECK(p.ahead_of(third) == 0);
    p.give_back(1);
    CHECK(p.is_handed_over(third));
    CHECK(p.waiting() == 0);

    const auto fourth = in_line(p, 1), fifth = in_line(p, 1);
    CHECK(p.leave(fifth));
    CHECK(p.leave(fourth));
    p.give_back(1);
    CHECK(p.in_use(1) == 0);
    CHECK(p.try_take(1));
}

TEST_CASE("a permit passes over those who left behind one who waits") {
    permits_of_4 p;
    CHECK(p.try_take(1));
    const auto first = in_line(p, 1), second = in_line(p, 1), third = in_line(p, 1), fourth = in_line(p, 1);
    CHECK(p.leave(second));
    CHECK(p.leave(third));
    p.give_back(1);
    CHECK(p.is_handed_over(first));
    CHECK(p.waiting() == 3);
    p.give_back(1);
    CHECK(p.is_handed_over(fourth));
    CHECK(p.waiting() == 0);
    p.give_back(1);
    CHECK(p.in_use(1) == 0);
}

TEST_CASE("who has been handed a permit can't leave any more") {
    permits_of_4 p;
    CHECK(p.try_take(1));
    const auto waits = in_line(p, 1);
    p.give_back(1);
    CHECK(!p.leave(waits));
    CHECK(p.in_use(1) == 1);
    p.give_back(1);
    CHECK(p.in_use(1) == 0);
}

TEST_CASE("the line has an end, and places of those who left the front of it are given out again") {
    permits_of_4 p;
    CHECK(p.try_take(1));
    const auto first = in_line(p, 1), second = in_line(p, 1);
    in_line(p, 1);
    in_line(p, 1);
    permits_of_4::ticket t{};
    CHECK(p.enter(1, t) == entry::line_is_full);
    CHECK(p.leave(second));
    CHECK(p.enter(1, t) == entry::line_is_full);
    CHECK(p.leave(first));
    CHECK(p.enter(1, t) == entry::in_line);
    CHECK(p.enter(1, t) == entry::in_line);
    CHECK(p.enter(1, t) == entry::line_is_full);
}

namespace {
/// Random operations on both, with places whose numbers come round after 2^`TicketBits`.
template <std::uint32_t Places, unsigned TicketBits>
void differ_in_nothing(std::uint32_t permits, int operations, std::uint64_t seed) {
    INFO("seed ", seed);
    using tested = keel::fair_permits<Places, keel::std_atomics, TicketBits>;
    std::mt19937_64 random(seed);
    tested it;
    support::naive_permits model(permits, Places);
    std::map<int, typename tested::ticket> line;
    std::uint32_t held = 0;
    int names = 0, waited = 0, left = 0, full = 0;
    unsigned busy = 5; // how often somebody comes, of ten times
    for (int i = 0; i < operations; ++i) {
        if (random() % 50 == 0) busy = 2 + static_cast<unsigned>(random() % 7);
        const bool comes = random() % 10 < busy;
        if (comes && random() % 4 == 0) {
            const bool took = model.try_take();
            REQUIRE(it.is_full(permits) == !took);
            REQUIRE(it.try_take(permits) == took);
            held += took;
        } else if (comes) {
            typename tested::ticket t{};
            const int name = names++;
            const auto expected = model.enter(name);
            REQUIRE(static_cast<int>(it.enter(permits, t)) == static_cast<int>(expected));
            if (expected == support::naive_permits::entry::took_permit) ++held;
            if (expected == support::naive_permits::entry::in_line) line.emplace(name, t), ++waited;
            full += expected == support::naive_permits::entry::line_is_full;
        } else if (!line.empty() && random() % 3 == 0) {
            const auto one = std::next(line.begin(), static_cast<long>(random() % line.size()));
            model.leave(one->first);
            REQUIRE(it.leave(one->second));
            line.erase(one);
            ++left;
        } else if (held > 0) {
            --held;
            const std::vector<int> got = model.give_back();
            it.give_back(permits);
            for (const int name : got) {
                REQUIRE(it.is_handed_over(line.at(name)));
                line.erase(name);
                ++held;
            }
        }
        for (const auto& [name, t] : line) {
            REQUIRE(!it.is_handed_over(t));
            REQUIRE(it.ahead_of(t) == model.ahead_of(name));
        }
        REQUIRE(it.in_use(permits) == permits - model.free());
        REQUIRE(it.in_use(permits) == held);
        REQUIRE(it.waiting() == model.waiting());
    }
    // Else the run would have shown little.
    CHECK(waited > operations / 20);
    CHECK(left > operations / 50);
    CHECK(full > 0);
}
} // namespace

TEST_CASE("permits are what a plain queue would make of them") {
    const std::uint64_t seed = support::first_seed();
    differ_in_nothing<16, 32>(3, 200'000, seed);
    differ_in_nothing<4, 32>(1, 200'000, seed + 1);
}

TEST_CASE("numbers of places come round and nobody notices") {
    const std::uint64_t seed = support::first_seed();
    differ_in_nothing<4, 3>(2, 100'000, seed);
    differ_in_nothing<4, 4>(3, 100'000, seed + 1);
    differ_in_nothing<2, 2>(1, 100'000, seed + 2);
}
