// SPDX-License-Identifier: BSL-1.0
#include "support/delays.hpp"

#include <keel/backoff/decorrelated_jitter.hpp>

#include <algorithm>
#include <string_view>

using namespace std::chrono_literals;

TEST_CASE("decorrelated_jitter stays within its base and its cap after any attempt and any delay before") {
    support::for_each_base_and_cap([](keel::nanos base, keel::nanos cap) {
        for (const double factor : {1.0, 3.0, 1e6})
            support::check_range(keel::decorrelated_jitter{.base = base, .factor = factor, .cap = cap}, base, cap);
    });
}

TEST_CASE("decorrelated_jitter fills everything from its base to three times the delay before") {
    const auto [low, high] = support::range_of(keel::decorrelated_jitter{}, 20ms);
    CHECK(low >= keel::nanos(10ms));
    CHECK(low < keel::nanos(11ms));
    CHECK(high > keel::nanos(59ms));
    CHECK(high <= keel::nanos(60ms));
}

TEST_CASE("decorrelated_jitter takes a delay before that is below its base for its base") {
    for (const auto before : {keel::nanos::min(), keel::nanos(-1), keel::nanos(0), keel::nanos(9ms)}) {
        keel::random_source one(4), other(4);
        CHECK(keel::decorrelated_jitter{}.delay(1, before, one) == keel::decorrelated_jitter{}.delay(1, 10ms, other));
    }
}

TEST_CASE("decorrelated_jitter goes by its own history and not by the number of the attempt") {
    keel::random_source one(4), other(4);
    CHECK(keel::decorrelated_jitter{}.delay(1, 20ms, one) == keel::decorrelated_jitter{}.delay(~0ull, 20ms, other));
}

TEST_CASE("decorrelated_jitter comes near its cap, and back down, in the course of a long history") {
    keel::random_source random(8);
    const keel::decorrelated_jitter b{};
    keel::nanos previous{}, high{}, low_after_high = keel::nanos::max();
    for (std::uint64_t n = 1; n <= 10'000; ++n) {
        previous = b.delay(n, previous, random);
        high = std::max(high, previous);
        if (high > keel::nanos(900ms)) low_after_high = std::min(low_after_high, previous);
    }
    CHECK(high > keel::nanos(990ms));
    CHECK(low_after_high < keel::nanos(20ms));
}

TEST_CASE("decorrelated_jitter names the field that is out of range") {
    CHECK(!keel::decorrelated_jitter{}.validate());
    CHECK(keel::decorrelated_jitter{.base = 0ns}.validate().field == std::string_view("backoff.base"));
    CHECK(keel::decorrelated_jitter{.factor = 0.5}.validate().field == std::string_view("backoff.factor"));
    CHECK(keel::decorrelated_jitter{.factor = 1e6 + 1}.validate().field == std::string_view("backoff.factor"));
    CHECK(!keel::decorrelated_jitter{.factor = 1e6}.validate());
    CHECK(keel::decorrelated_jitter{.cap = -1s}.validate().field == std::string_view("backoff.cap"));
    CHECK(keel::decorrelated_jitter{.base = 2s}.validate().field == std::string_view("backoff.cap"));
}
