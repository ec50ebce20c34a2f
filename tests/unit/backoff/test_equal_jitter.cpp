// SPDX-License-Identifier: BSL-1.0
#include "support/delays.hpp"

#include <keel/backoff/equal_jitter.hpp>

#include <string_view>

using namespace std::chrono_literals;

TEST_CASE("equal_jitter stays within half its base and its cap after any attempt, and is never zero") {
    support::for_each_base_and_cap([](keel::nanos base, keel::nanos cap) {
        const keel::nanos half(base.count - base.count / 2);
        REQUIRE(half > keel::nanos(0));
        for (const double factor : {1.0, 2.0, 1e6})
            support::check_range(keel::equal_jitter{.base = base, .factor = factor, .cap = cap}, half, cap);
    });
}

TEST_CASE("equal_jitter fills the upper half below its ceiling") {
    const auto [low, high] = support::range_of(keel::equal_jitter{});
    CHECK(low >= keel::nanos(20ms));
    CHECK(low < keel::nanos(21ms));
    CHECK(high > keel::nanos(39ms));
    CHECK(high <= keel::nanos(40ms));
}

TEST_CASE("equal_jitter waits at least half its cap after attempt 1000") {
    CHECK(support::delay_at(keel::equal_jitter{}, 1000) >= keel::nanos(500ms));
    CHECK(support::delay_at(keel::equal_jitter{}, ~0ull) >= keel::nanos(500ms));
}

TEST_CASE("equal_jitter has the limits of its ceiling") {
    CHECK(!keel::equal_jitter{}.validate());
    CHECK(keel::equal_jitter{.base = 0ns}.validate().field == std::string_view("backoff.base"));
    CHECK(keel::equal_jitter{.factor = 2e6}.validate().field == std::string_view("backoff.factor"));
    CHECK(keel::equal_jitter{.base = 2s}.validate().field == std::string_view("backoff.cap"));
}
