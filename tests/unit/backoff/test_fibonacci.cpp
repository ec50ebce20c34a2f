// SPDX-License-Identifier: BSL-1.0
#include "support/delays.hpp"

#include <keel/backoff/fibonacci.hpp>

#include <string_view>

using namespace std::chrono_literals;
using support::delay_at;

TEST_CASE("fibonacci adds the two delays before up to the cap") {
    CHECK(support::first_delays(keel::fibonacci{}, 7) == std::vector<std::int64_t>{10, 10, 20, 30, 50, 80, 130});
    const keel::fibonacci b{.base = 1ns, .cap = keel::longest};
    // Sums of whole numbers below 2^53 are exact as doubles.
    for (std::uint64_t n = 3; n <= 78; ++n)
        CHECK(delay_at(b, n).count == delay_at(b, n - 1).count + delay_at(b, n - 2).count);
}

TEST_CASE("fibonacci stays within its base and its cap after any attempt up to 2^64 - 1") {
    support::for_each_base_and_cap(
        [](keel::nanos base, keel::nanos cap) { support::check_range(keel::fibonacci{base, cap}, base, cap); });
}

TEST_CASE("fibonacci is at its cap, and not at zero, after attempt 1000") {
    CHECK(delay_at(keel::fibonacci{}, 1000) == keel::nanos(1s));
    CHECK(delay_at(keel::fibonacci{.base = 1ns, .cap = keel::longest}, 1000) == keel::longest);
}

TEST_CASE("fibonacci names the field that is out of range") {
    CHECK(!keel::fibonacci{}.validate());
    CHECK(keel::fibonacci{.base = 0ns}.validate().field == std::string_view("backoff.base"));
    CHECK(keel::fibonacci{.cap = 0ns}.validate().field == std::string_view("backoff.cap"));
    CHECK(keel::fibonacci{.base = 2s}.validate().field == std::string_view("backoff.cap"));
}
