// SPDX-License-Identifier: BSL-1.0
#include "support/overtaken_atomics.hpp"

#include <keel/sync/atomics.hpp>
#include <keel/sync/fair_permits.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <utility>

// Between two looks at the word of the permits others come and go: as `support::meanwhile` says, right before the next
// exchange, and as these say, right before the next addition and before the next load that acquires.

namespace {
std::function<void()> before_addition, before_acquiring;

void happen(std::function<void()>& what) {
    if (what) std::exchange(what, nullptr)();
}
using overtaken = support::overtaken_atomics<support::exchanges::weak>;
struct atomics : overtaken {
    template <class T>
    struct atomic : overtaken::atomic<T> {
        using overtaken::atomic<T>::atomic;
        T load(std::memory_order order) const noexcept {
            if (order == std::memory_order_acquire) happen(before_acquiring);
            return std::atomic<T>::load(order);
        }
        T fetch_add(T by, std::memory_order order) noexcept {
            happen(before_addition);
            return std::atomic<T>::fetch_add(by, order);
        }
    };
};
using permits = keel::fair_permits<4, atomics>;
using entry = permits::entry;

permits::ticket in_line(permits& p) {
    permits::ticket mine{};
    REQUIRE(p.enter(1, mine) == entry::in_line);
    return mine;
}
} // namespace

TEST_CASE("of two who ask at once for the last permit, one gets it") {
    permits p;
    before_addition = [&] { CHECK(p.try_take(1)); };
    CHECK(!p.try_take(1));
    CHECK(p.in_use(1) == 1);
    p.give_back(1);
    CHECK(p.in_use(1) == 0);
    CHECK(p.try_take(1));
}

TEST_CASE("who asks for the last permit when it is just taken and given back has it") {
    permits p;
    before_addition = [&] {
        CHECK(p.try_take(1));
        before_acquiring = [&] { p.give_back(1); };
    };
    CHECK(p.try_take(1));
    CHECK(!before_acquiring);
    CHECK(p.in_use(1) == 1);
}

TEST_CASE("who asks for a permit that is given back while a line has formed leaves it to the line") {
    permits p;
    permits::ticket first{};
    before_addition = [&] {
        CHECK(p.try_take(1));
        first = in_line(p);
        // While this one's claim is counted, no permit is free for the line.
        support::meanwhile = [&] {
            p.give_back(1);
            CHECK(!p.is_handed_over(first));
        };
    };
    CHECK(!p.try_take(1));
    CHECK(!support::meanwhile);
    CHECK(p.is_handed_over(first));
    CHECK(p.in_use(1) == 1);
    CHECK(p.waiting() == 0);
}

TEST_CASE("who finds a permit free, and then taken, stands in line") {
    permits p;
    support::meanwhile = [&] { CHECK(p.try_take(1)); };
    const auto mine = in_line(p);
    CHECK(p.ahead_of(mine) == 0);
    p.give_back(1);
    CHECK(p.is_handed_over(mine));
}

TEST_CASE("of two who come into the line at once, one is behind the other") {
    permits p;
    CHECK(p.try_take(1));
    permits::ticket other{};
    support::meanwhile = [&] { other = in_line(p); };
    const auto mine = in_line(p);
    CHECK(p.ahead_of(other) == 0);
    CHECK(p.ahead_of(mine) == 1);
}

TEST_CASE("a permit that is given back while the only one in line leaves stays free") {
    permits p;
    CHECK(p.try_take(1));
    const auto first = in_line(p);
    support::meanwhile = [&] { CHECK(p.leave(first)); };
    p.give_back(1);
    CHECK(p.waiting() == 0);
    CHECK(p.in_use(1) == 0);
    CHECK(p.try_take(1));
}

TEST_CASE("of two who leave at once, both are removed") {
    permits p;
    CHECK(p.try_take(1));
    const auto first = in_line(p), second = in_line(p);
    support::meanwhile = [&] { CHECK(p.leave(second)); };
    CHECK(p.leave(first));
    CHECK(p.waiting() == 0);
    CHECK(p.in_use(1) == 1);
}

TEST_CASE("who finds a permit free, and is overtaken by another who takes one of two, takes the other") {
    permits p;
    permits::ticket mine{};
    support::meanwhile = [&] { CHECK(p.try_take(2)); };
    CHECK(p.enter(2, mine) == entry::took_permit);
    CHECK(!support::meanwhile);
    CHECK(p.in_use(2) == 2);
    CHECK(p.waiting() == 0);
}

TEST_CASE("who hands over, and is overtaken by another who hands over all there is, leaves the next place alone") {
    permits p;
    REQUIRE(p.try_take(2));
    REQUIRE(p.try_take(2));
    permits::ticket first{}, second{}, third{};
    REQUIRE(p.enter(2, first) == entry::in_line);
    REQUIRE(p.enter(2, second) == entry::in_line);
    support::meanwhile = [&] { p.give_back(2); };
    p.give_back(2);
    CHECK(p.is_handed_over(first));
    CHECK(p.is_handed_over(second));
    CHECK(p.in_use(2) == 2);
    CHECK(p.enter(2, third) == entry::in_line);
    CHECK(!p.is_handed_over(third));
}

TEST_CASE("who leaves the line, and is overtaken by another who enters it, is removed all the same") {
    permits p;
    REQUIRE(p.try_take(1));
    const auto first = in_line(p), second = in_line(p);
    support::meanwhile = [&] { in_line(p); };
    CHECK(p.leave(first));
    CHECK(p.waiting() == 2);
    p.give_back(1);
    CHECK(p.is_handed_over(second));
}
