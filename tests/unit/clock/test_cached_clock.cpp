// SPDX-License-Identifier: BSL-1.0
#include "support/recorded_sleep.hpp"

#include <keel/clock/cached_clock.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
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

TEST_CASE("the cached clock never goes back, whoever updates it") {
    std::atomic<int> steps_back{0};
    std::vector<std::jthread> running;
    for (int t = 0; t < 4; ++t) {
        running.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) {
                const time_point seen = cached_clock::now();
                const time_point told = cached_clock::update();
                if (cached_clock::now() < told || told < seen) ++steps_back;
            }
        });
    }
    running.clear();
    CHECK(steps_back == 0);
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
