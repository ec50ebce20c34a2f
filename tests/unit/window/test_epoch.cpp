// SPDX-License-Identifier: BSL-1.0
#include <keel/window/epoch.hpp>

#include <doctest/doctest.h>

using keel::detail::epoch_index;
using keel::detail::epoch_number;
using std::chrono::nanoseconds;

TEST_CASE("buckets begin at whole multiples of their length, also before the clock's zero") {
    const auto number = [](std::int64_t at) { return epoch_number(keel::time_point(nanoseconds(at)), 10); };
    CHECK(number(0) == 0);
    CHECK(number(9) == 0);
    CHECK(number(10) == 1);
    CHECK(number(-1) == -1);
    CHECK(number(-10) == -1);
    CHECK(number(-11) == -2);
    CHECK(epoch_number(keel::time_point::min(), 1) == INT64_MIN);
    CHECK(epoch_number(keel::time_point::max(), 1) == INT64_MAX);
}

TEST_CASE("neighbouring buckets have neighbouring places, also around zero") {
    for (std::int64_t n = -25; n < 25; ++n) {
        CHECK(epoch_index(n, 10) < 10);
        CHECK(epoch_index(n + 1, 10) == (epoch_index(n, 10) + 1) % 10);
    }
    CHECK(epoch_index(INT64_MIN, 1) == 0);
}
