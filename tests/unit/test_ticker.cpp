// SPDX-License-Identifier: BSL-1.0
#include "support/steady_time.hpp"

#include <keel/ticker.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <pthread.h>
#include <string>
#include <system_error>
#include <thread>

using namespace std::chrono_literals;
using keel::cached_clock;

TEST_CASE("a ticker has updated the cached clock when it is made") {
    const support::no_sleeping here([](keel::time_point) { return 0; });
    for (int i = 0; i < 100; ++i) {
        const auto before = keel::steady_clock::now();
        const keel::ticker t{1ms};
        REQUIRE(cached_clock::now() >= before);
    }
}

TEST_CASE("a ticker updates the cached clock once a period, for as long as it lives") {
    std::atomic<int> ticks{0};
    std::atomic<bool> periodic{true};
    const support::no_sleeping here([&](keel::time_point until) {
        if (until != cached_clock::now() + 7ms) periodic = false;
        ++ticks;
        return 0;
    });
    std::optional<keel::ticker> t(std::in_place, 7ms);
    while (ticks < 5)
        std::this_thread::yield();
    CHECK(periodic);
    t.reset();
    const int at_end = ticks;
    const auto last = cached_clock::now();
    while (keel::steady_clock::now() <= last) {
    }
    std::this_thread::yield();
    CHECK(ticks == at_end);
    CHECK(cached_clock::now() == last);
}

TEST_CASE("a ticker ticks each millisecond unless told otherwise") {
    std::atomic<int> ticks{0};
    std::atomic<bool> periodic{true};
    const support::no_sleeping here([&](keel::time_point until) {
        if (until != cached_clock::now() + 1ms) periodic = false;
        ++ticks;
        return 0;
    });
    const keel::ticker t;
    while (ticks < 2)
        std::this_thread::yield();
    CHECK(periodic);
}

TEST_CASE("a ticker that gets no thread says so") {
    const support::no_sleeping here([](keel::time_point) { return 0; });
    ::pthread_attr_t normal;
    REQUIRE(::pthread_getattr_default_np(&normal) == 0);
    // No address space has room for such a stack.
    ::pthread_attr_t vast = normal;
    REQUIRE(::pthread_attr_setstacksize(&vast, std::size_t{1} << 60) == 0);
    REQUIRE(::pthread_setattr_default_np(&vast) == 0);
    CHECK_THROWS_AS(keel::ticker{}, std::system_error);
    REQUIRE(::pthread_setattr_default_np(&normal) == 0);
    CHECK_NOTHROW(keel::ticker{});
}

TEST_CASE("a ticker refuses a period that is not positive") {
    CHECK_THROWS_WITH_AS(keel::ticker{0s}, "keel: ticker.period = 0: must be above 0 and at most 100 years",
                         keel::invalid_config);
    CHECK_THROWS_AS(keel::ticker{-1ns}, keel::invalid_config);
    CHECK_THROWS_AS(keel::ticker(keel::ticker::config{.period = std::chrono::hours::max()}), keel::invalid_config);
}
