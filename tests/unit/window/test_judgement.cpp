// SPDX-License-Identifier: BSL-1.0
#include <keel/window/judgement.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using keel::detail::fewest_reaching;
using keel::detail::reaches;

TEST_CASE("a rate is reached at the threshold itself and above it") {
    CHECK(reaches(5, 10, 0.5));
    CHECK(!reaches(4, 10, 0.5));
    CHECK(reaches(1, 1, 1));
    CHECK(!reaches(99, 100, 1));
    CHECK(reaches(7, 100, 0.07));
    CHECK(!reaches(0, 100, 1e-300));
}

TEST_CASE("the fewest failures that reach a rate reach it, and one less does not") {
    for (std::uint64_t calls = 1; calls <= 300; ++calls) {
        for (int percent = 1; percent <= 100; ++percent) {
            const double rate = percent / 100.0;
            const std::uint64_t fewest = fewest_reaching(calls, rate);
            REQUIRE(fewest >= 1);
            REQUIRE(fewest <= calls);
            REQUIRE(reaches(fewest, calls, rate));
            REQUIRE(!reaches(fewest - 1, calls, rate));
        }
    }
}

TEST_CASE("the fewest failures are right where the product is not exact, and at the ends") {
    CHECK(fewest_reaching(100, 0.07) == 7);  // 0.07 x 100 is 7.000000000000001
    CHECK(fewest_reaching(100, 0.29) == 29); // and 28.999999999999996
    CHECK(fewest_reaching(1, 1e-300) == 1);
    CHECK(fewest_reaching(1'000'000'000, 1) == 1'000'000'000);
    CHECK(fewest_reaching(1, 1) == 1);
}
