// SPDX-License-Identifier: BSL-1.0
#include "support/steady_time.hpp"

#include <keel/clock/coarse_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

using namespace std::chrono_literals;
using keel::coarse_clock;
using keel::time_point;

TEST_CASE("the coarse clock counts from the steady clock's epoch and is never ahead of it") {
    const time_point steady = keel::steady_clock::now();
    const time_point coarse = coarse_clock::now();
    CHECK(coarse <= keel::steady_clock::now());
    CHECK(coarse >= steady - 100ms);
    CHECK(coarse_clock::now() >= coarse);
}

TEST_CASE("the coarse clock does not sleep until a time that has come") {
    int sleeps = 0;
    const support::no_sleeping here([&](time_point) { return ++sleeps, 0; });
    coarse_clock::sleep_until(coarse_clock::now());
    coarse_clock::sleep_until(time_point(0s));
    CHECK(sleeps == 0);
}

TEST_CASE("the coarse clock sleeps until its own time has come, a kernel's tick later than the precise one's") {
    std::vector<time_point> asked;
    const support::no_sleeping here([&](time_point t) { return asked.push_back(t), 0; });
    const time_point until = coarse_clock::now() + 1ns;
    coarse_clock::sleep_until(until);
    CHECK(coarse_clock::now() >= until);
    time_point expected = until;
    for (const time_point t : asked) {
        REQUIRE(t == expected);
        expected += 1ms;
    }
}
