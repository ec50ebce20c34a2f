// SPDX-License-Identifier: BSL-1.0
#include "support/steady_time.hpp"

#include <keel/clock/steady_clock.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <vector>

using namespace std::chrono_literals;
using keel::steady_clock;
using keel::time_point;

TEST_CASE("the steady clock is the standard one") {
    const auto before = std::chrono::steady_clock::now();
    const time_point now = steady_clock::now();
    CHECK(now >= before);
    CHECK(now <= std::chrono::steady_clock::now());
}

TEST_CASE("the steady clock sleeps until the nanosecond it was told") {
    std::vector<time_point> asked;
    const support::no_sleeping here([&](time_point t) { return asked.push_back(t), 0; });
    const std::vector told{time_point(0s), time_point(1ns), time_point(5s + 999'999'999ns), time_point(1h)};
    for (const time_point t : told)
        steady_clock::sleep_until(t);
    CHECK(asked == told);
}

TEST_CASE("the steady clock does not wait for a time before its epoch") {
    std::vector<time_point> asked;
    const support::no_sleeping here([&](time_point t) { return asked.push_back(t), 0; });
    steady_clock::sleep_until(time_point(-1ns));
    steady_clock::sleep_until(time_point::min());
    for (const time_point t : asked)
        CHECK(t <= time_point(0s));
    CHECK(asked.size() <= 2);
}

TEST_CASE("the steady clock takes up a sleep that a signal has ended") {
    int interruptions = 0;
    const support::no_sleeping here([&](time_point) { return ++interruptions < 4 ? EINTR : 0; });
    steady_clock::sleep_until(steady_clock::now() + 1h);
    CHECK(interruptions == 4);
}

TEST_CASE("the steady clock does not take up a sleep whose time is over") {
    int interruptions = 0;
    const support::no_sleeping here([&](time_point) { return ++interruptions, EINTR; });
    steady_clock::sleep_until(steady_clock::now() - 1ns);
    CHECK(interruptions == 1);
}
