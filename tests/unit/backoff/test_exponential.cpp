// SPDX-License-Identifier: BSL-1.0
#include "support/delays.hpp"

#include <keel/backoff/exponential.hpp>

#include <limits>
#include <string_view>

using namespace std::chrono_literals;
using support::delay_at;

TEST_CASE("exponential multiplies the delay by its factor up to the cap") {
    CHECK(support::first_delays(keel::exponential{}, 8) ==
          std::vector<std::int64_t>{10, 20, 40, 80, 160, 320, 640, 1000});
    CHECK(support::first_delays(keel::exponential{.base = 8ms, .factor = 1.5}, 4) ==
          std::vector<std::int64_t>{8, 12, 18, 27});
    CHECK(support::first_delays(keel::exponential{.factor = 1}, 3) == std::vector<std::int64_t>{10, 10, 10});
}

TEST_CASE("exponential stays within its base and its cap after any attempt up to 2^64 - 1") {
    support::for_each_base_and_cap([](keel::nanos base, keel::nanos cap) {
        for (const double factor : {1.0, 1.0000001, 1.5, 2.0, 1e6})
            support::check_range(keel::exponential{.base = base, .factor = factor, .cap = cap}, base, cap);
    });
}

TEST_CASE("exponential is at its cap, and not at zero, after attempt 1000") {
    CHECK(delay_at(keel::exponential{}, 1000) == keel::nanos(1s));
    CHECK(delay_at(keel::exponential{.base = 1ns, .cap = keel::longest}, 1000) == keel::longest);
    CHECK(delay_at(keel::exponential{.base = 1ns, .factor = 1e6, .cap = keel::longest}, ~0ull) == keel::longest);
}

TEST_CASE("exponential is exact for powers of two, up to the last that its cap leaves room for") {
    const keel::exponential b{.base = 1ns, .cap = keel::longest};
    for (std::uint64_t n = 1; n <= 62; ++n)
        CHECK(delay_at(b, n) == keel::nanos(std::int64_t{1} << (n - 1)));
    CHECK(delay_at(b, 63) == keel::longest);
}

TEST_CASE("exponential never falls from one attempt to the next") {
    for (const double factor : {1.0, 1.1, 1.7, 3.0}) {
        const keel::exponential b{.base = 3ns, .factor = factor, .cap = keel::longest};
        for (std::uint64_t n = 1; n < 1000; ++n)
            REQUIRE(delay_at(b, n + 1) >= delay_at(b, n));
    }
}

TEST_CASE("exponential names the field that is out of range") {
    const auto field = [](keel::exponential b) { return std::string_view(b.validate().field); };
    CHECK(!keel::exponential{}.validate());
    CHECK(!keel::exponential{.base = 1ns, .factor = 1, .cap = 1ns}.validate());
    CHECK(!keel::exponential{.factor = 1e6, .cap = keel::longest}.validate());
    CHECK(field({.base = 0ns}) == "backoff.base");
    CHECK(field({.base = -1ns}) == "backoff.base");
    CHECK(field({.factor = 0.999}) == "backoff.factor");
    CHECK(field({.factor = 1.1e6}) == "backoff.factor");
    CHECK(field({.factor = std::numeric_limits<double>::quiet_NaN()}) == "backoff.factor");
    CHECK(field({.cap = keel::nanos::max()}) == "backoff.cap");
    CHECK(field({.base = 2ms, .cap = 1ms}) == "backoff.cap");
}
