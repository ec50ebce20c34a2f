// SPDX-License-Identifier: BSL-1.0
#include "support/delays.hpp"

#include <keel/backoff/linear.hpp>

#include <string_view>

using namespace std::chrono_literals;
using support::delay_at;

TEST_CASE("linear adds its step to the delay up to the cap") {
    CHECK(support::first_delays(keel::linear{}, 4) == std::vector<std::int64_t>{10, 20, 30, 40});
    CHECK(support::first_delays(keel::linear{.base = 5ms, .step = 400ms}, 5) ==
          std::vector<std::int64_t>{5, 405, 805, 1000, 1000});
    CHECK(support::first_delays(keel::linear{.step = 0ms}, 3) == std::vector<std::int64_t>{10, 10, 10});
}

TEST_CASE("linear stays within its base and its cap after any attempt up to 2^64 - 1") {
    support::for_each_base_and_cap([](keel::nanos base, keel::nanos cap) {
        for (const auto step : {keel::nanos(0), keel::nanos(1), keel::nanos(10ms), keel::longest})
            support::check_range(keel::linear{.base = base, .step = step, .cap = cap}, base, cap);
    });
}

TEST_CASE("linear is at its cap after so many attempts as it takes, and from then on") {
    CHECK(delay_at(keel::linear{}, 99) == keel::nanos(990ms));
    CHECK(delay_at(keel::linear{}, 100) == keel::nanos(1s));
    CHECK(delay_at(keel::linear{}, 1000) == keel::nanos(1s));
    CHECK(delay_at(keel::linear{.step = keel::longest, .cap = keel::longest}, ~0ull) == keel::longest);
}

TEST_CASE("linear names the field that is out of range") {
    CHECK(!keel::linear{}.validate());
    CHECK(keel::linear{.base = 0ns}.validate().field == std::string_view("backoff.base"));
    CHECK(keel::linear{.step = -1ns}.validate().field == std::string_view("backoff.step"));
    CHECK(keel::linear{.cap = 0ns}.validate().field == std::string_view("backoff.cap"));
    CHECK(keel::linear{.base = 2s}.validate().field == std::string_view("backoff.cap"));
}
