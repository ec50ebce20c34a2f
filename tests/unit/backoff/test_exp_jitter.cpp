// SPDX-License-Identifier: BSL-1.0
#include "support/chi_squared.hpp"
#include "support/delays.hpp"

#include <keel/backoff/exp_jitter.hpp>

#include <algorithm>
#include <array>
#include <string_view>

using namespace std::chrono_literals;

TEST_CASE("exp_jitter stays within zero and its cap after any attempt up to 2^64 - 1") {
    support::for_each_base_and_cap([](keel::nanos base, keel::nanos cap) {
        for (const double factor : {1.0, 2.0, 1e6})
            support::check_range(keel::exp_jitter{.base = base, .factor = factor, .cap = cap}, keel::nanos(0), cap);
    });
}

TEST_CASE("exp_jitter fills everything from zero to the exponential ceiling") {
    const auto [low, high] = support::range_of(keel::exp_jitter{});
    CHECK(low < keel::nanos(1ms));
    CHECK(high > keel::nanos(39ms));
    CHECK(high <= keel::nanos(40ms));
}

TEST_CASE("exp_jitter draws both ends of its range too, and every nanosecond alike") {
    keel::random_source random(9);
    std::array<int, 4> drawn{};
    for (int i = 0; i < 40'000; ++i)
        ++drawn.at(static_cast<std::size_t>(keel::exp_jitter{.base = 3ns}.delay(1, keel::nanos(0), random).count));
    for (const int times : drawn)
        CHECK(times == doctest::Approx(10'000).epsilon(0.03));
}

TEST_CASE("exp_jitter spreads clients that failed together evenly: chi-squared") {
    keel::random_source random(3);
    constexpr int clients = 16'000, bins = 16;
    std::array<int, bins> peak{};
    for (int i = 0; i < clients; ++i) {
        const auto d = keel::exp_jitter{.base = 16ms}.delay(1, keel::nanos(0), random);
        ++peak.at(static_cast<std::size_t>(std::min<std::int64_t>(d.count / 1'000'000, bins - 1)));
    }
    CHECK(support::chi_squared(peak, clients) < 37.7); // 15 degrees of freedom, 1 in 1000
    CHECK(*std::ranges::max_element(peak) < 1.15 * clients / bins);
}

TEST_CASE("exp_jitter of a seeded thread draws the same delays again") {
    keel::thread_random().seed(5);
    const auto once = support::first_delays(keel::exp_jitter{}, 6);
    const auto other = support::first_delays(keel::exp_jitter{}, 6);
    keel::thread_random().seed(5);
    CHECK(support::first_delays(keel::exp_jitter{}, 6) == once);
    CHECK(other != once);
}

TEST_CASE("exp_jitter has the limits of its ceiling") {
    CHECK(!keel::exp_jitter{}.validate());
    CHECK(keel::exp_jitter{.base = 0ns}.validate().field == std::string_view("backoff.base"));
    CHECK(keel::exp_jitter{.factor = 0.9}.validate().field == std::string_view("backoff.factor"));
    CHECK(keel::exp_jitter{.base = 2s}.validate().field == std::string_view("backoff.cap"));
}
