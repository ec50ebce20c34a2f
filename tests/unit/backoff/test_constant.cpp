// SPDX-License-Identifier: BSL-1.0
#include "support/delays.hpp"

#include <keel/backoff/constant.hpp>

#include <string_view>

using namespace std::chrono_literals;
using support::delay_at;

TEST_CASE("constant is the same delay after any attempt") {
    for (const auto every : {keel::nanos(0), keel::nanos(1), keel::nanos(10ms), keel::longest})
        support::check_range(keel::constant{.every = every}, every, every);
    CHECK(support::first_delays(keel::constant{.every = 7ms}, 3) == std::vector<std::int64_t>{7, 7, 7});
}

TEST_CASE("constant may be zero and not less, and at most a century") {
    CHECK(!keel::constant{}.validate());
    CHECK(!keel::constant{.every = 0ms}.validate());
    CHECK(keel::constant{.every = -1ns}.validate().field == std::string_view("backoff.every"));
    CHECK(keel::constant{.every = keel::nanos(keel::longest.count + 1)}.validate().value > 3.1e18);
}
