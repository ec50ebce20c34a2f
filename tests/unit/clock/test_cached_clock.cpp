// SPDX-License-Identifier: BSL-1.0
#include "support/steady_time.hpp"

#include <keel/clock/cached_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

using namespace std::chrono_literals;
using keel::cached_clock;
using keel::time_point;

TEST_CASE("the cached clock stands still until it is updated, and is then the steady clock's time") {
    const time_point before = keel::steady_clock::now();
    const time_point told = cached_clock::update();
    CHECK(told >= before);
    CHECK(cached_clock::now() == told);
    while (keel::steady_clock::now() == told) {
    }
    CHECK(cached_clock::now() == told);
    CHECK(cached_clock::update() > told);
    CHECK(cached_clock::now() > told);
}

TEST_CASE("the cached clock never goes back: of two updates that overtake each other the later time stays") {
    const time_point later = cached_clock::update();
    {
        const support::standing_time earlier(later - 5s);
        CHECK(cached_clock::update() == later - 5s);
        CHECK(cached_clock::now() == later);
    }
    CHECK(cached_clock::update() >= later);
    CHECK(cached_clock::now() >= later);
}

TEST_CASE("the cached clock sleeps by the steady clock and is updated then") {
    const time_point before = cached_clock::update();
    std::vector<time_point> asked;
    const support::no_sleeping here([&](time_point t) {
        asked.push_back(t);
        while (keel::steady_clock::now() <= before) {
        }
        return 0;
    });
    cached_clock::sleep_until(before + 1h);
    CHECK(asked == std::vector{before + 1h});
    CHECK(cached_clock::now() > before);
}
