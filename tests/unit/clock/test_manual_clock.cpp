// SPDX-License-Identifier: BSL-1.0
#include <keel/clock/manual_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using keel::time_point;

TEST_CASE("a manual clock starts at zero and is where it was set or advanced to") {
    keel::manual_clock clock;
    CHECK(clock.now() == time_point(0s));
    clock.advance(5s);
    CHECK(clock.now() == time_point(5s));
    clock.advance(-7s);
    CHECK(clock.now() == time_point(-2s));
    clock.set(time_point(1h));
    CHECK(clock.now() == time_point(1h));
}

TEST_CASE("a manual clock shares its time with its copies, also when they outlive it") {
    std::optional<keel::manual_clock> clock(std::in_place);
    keel::manual_clock copy = *clock;
    clock->advance(5s);
    CHECK(copy.now() == time_point(5s));
    CHECK(copy == *clock);
    CHECK(copy != keel::manual_clock());
    clock.reset();
    copy.advance(1s);
    CHECK(copy.now() == time_point(6s));
}

TEST_CASE("a manual clock's sleep returns at once and advances it, and never back") {
    const keel::manual_clock clock;
    clock.sleep_until(time_point(9s));
    CHECK(clock.now() == time_point(9s));
    clock.sleep_until(time_point(1s));
    CHECK(clock.now() == time_point(9s));
}

TEST_CASE("a manual clock loses nothing when threads advance it at once") {
    keel::manual_clock clock;
    std::vector<std::jthread> running;
    for (int t = 0; t < 4; ++t) {
        running.emplace_back([mine = clock]() mutable {
            for (int i = 0; i < 1000; ++i)
                mine.advance(1ns);
        });
    }
    running.clear();
    CHECK(clock.now() == time_point(4000ns));
}
