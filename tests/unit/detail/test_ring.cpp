// SPDX-License-Identifier: BSL-1.0
#include <keel/detail/ring.hpp>

#include <doctest/doctest.h>

#include <vector>

namespace {
struct item : keel::detail::ring_place {
    explicit item(int v)
      : value(v) {}
    int value;
};

std::vector<int> values(keel::detail::ring_place& begin) {
    std::vector<int> all;
    for (auto* p = &begin.after(); p != &begin; p = &p->after())
        all.push_back(static_cast<item*>(p)->value);
    return all;
}
using ints = std::vector<int>;
} // namespace

TEST_CASE("who enters a ring is the last in it, and who leaves it is alone") {
    keel::detail::ring_place begin;
    CHECK(begin.is_alone());
    CHECK(begin.others() == 0);
    item one(1), two(2), three(3);
    one.enter(begin);
    two.enter(begin);
    three.enter(begin);
    CHECK(values(begin) == ints{1, 2, 3});
    CHECK(begin.others() == 3);
    two.leave();
    CHECK(two.is_alone());
    CHECK(values(begin) == ints{1, 3});
    two.leave();
    two.enter(begin);
    CHECK(values(begin) == ints{1, 3, 2});
}

TEST_CASE("who ends leaves its ring") {
    keel::detail::ring_place begin;
    item one(1);
    one.enter(begin);
    {
        item two(2);
        two.enter(begin);
    }
    CHECK(values(begin) == ints{1});
    one.leave();
    CHECK(begin.is_alone());
}

TEST_CASE("who replaces another stands where that one stood") {
    keel::detail::ring_place begin;
    item one(1), two(2), three(3), other(4);
    for (item* i : {&one, &two, &three})
        i->enter(begin);
    other.replace(two);
    CHECK(two.is_alone());
    CHECK(values(begin) == ints{1, 4, 3});
    two.replace(three);
    CHECK(values(begin) == ints{1, 4, 2});
}

TEST_CASE("who replaces one that is alone stays alone") {
    item one(1), two(2);
    one.replace(two);
    CHECK(one.is_alone());
    CHECK(two.is_alone());
}

TEST_CASE("a beginning can be replaced, and all the others follow the new one") {
    keel::detail::ring_place first, second;
    item one(1), two(2);
    one.enter(first);
    two.enter(first);
    second.replace(first);
    CHECK(first.is_alone());
    CHECK(values(second) == ints{1, 2});
}
