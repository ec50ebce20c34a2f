// SPDX-License-Identifier: BSL-1.0
#include "support/steady_time.hpp"

#include <keel/clock/tsc_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using keel::time_point;
using keel::tsc_clock;

TEST_CASE("the tsc clock refuses machines without an invariant counter") {
    if (tsc_clock::is_supported()) {
        CHECK_NOTHROW(tsc_clock{});
    } else {
        CHECK_THROWS_AS(tsc_clock{}, std::system_error);
    }
}

TEST_CASE("the tsc clock counts from the steady clock's epoch and never goes back") {
    if (!tsc_clock::is_supported()) return;
    const tsc_clock clock, other;
    const time_point low = keel::steady_clock::now() - 100ms;
    CHECK(clock.now() > low);
    CHECK(other.now() > low);
    CHECK(clock.now() < keel::steady_clock::now() + 100ms);
    for (int i = 0; i < 1000; ++i) {
        const time_point a = clock.now(), b = clock.now();
        REQUIRE(a <= b);
    }
}

TEST_CASE("the tsc clock sleeps for what is left by its own count until that has come") {
    if (!tsc_clock::is_supported()) return;
    const tsc_clock clock;
    std::vector<time_point> asked;
    const support::no_sleeping here([&](time_point t) { return asked.push_back(t), 0; });
    clock.sleep_until(clock.now());
    CHECK(asked.empty());
    const time_point until = clock.now() + 100us;
    clock.sleep_until(until);
    CHECK(clock.now() >= until);
    for (const time_point t : asked)
        CHECK(t <= keel::steady_clock::now() + 100us);
}
