// SPDX-License-Identifier: BSL-1.0
#include <keel/limit/aimd.hpp>

#include <doctest/doctest.h>

using keel::aimd;
using keel::limit_window;

static_assert(keel::limit_strategy<aimd>);

namespace {
constexpr limit_window used{.used = true}, unused{}, failing{.used = true, .failing = true};

double next(const aimd& by, double limit, const limit_window& w) {
    aimd::memory m;
    return by.next(m, limit, w);
}
} // namespace

TEST_CASE("aimd adds to a limit that is used, and multiplies one under which calls fail") {
    CHECK(next({}, 20, used) == 21);
    CHECK(next({.increase = 0.25}, 20, used) == 20.25);
    CHECK(next({}, 20, failing) == 18);
    CHECK(next({.backoff = 0.5}, 20, failing) == 10);
}

TEST_CASE("aimd leaves a limit that is not used, unless calls fail") {
    CHECK(next({}, 20, unused) == 20);
    CHECK(next({}, 20, {.failing = true}) == 18);
}

TEST_CASE("aimd comes back up after a drop, by as much in each window") {
    double limit = 100;
    for (int i = 0; i < 10; ++i)
        limit = next({}, limit, failing);
    CHECK(limit < 35);
    for (int i = 0; i < 70; ++i)
        limit = next({}, limit, used);
    CHECK(limit > 100);
}
