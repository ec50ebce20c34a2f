// SPDX-License-Identifier: BSL-1.0
#include <keel/duration.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

using namespace std::chrono_literals;
using keel::nanos;
using std::chrono::duration;

TEST_CASE("nanos is made from any chrono duration, exactly where it fits") {
    CHECK(nanos().count == 0);
    CHECK(nanos(5ns).count == 5);
    CHECK(nanos(5us).count == 5'000);
    CHECK(nanos(-3h).count == -10'800'000'000'000);
    CHECK(nanos(duration<std::int64_t, std::pico>(5'999)).count == 5);
    CHECK(nanos(duration<std::int64_t, std::ratio<1, 3>>(2)).count == 666'666'666);
    CHECK(nanos(duration<double>(1.5)).count == 1'500'000'000);
    CHECK(nanos(duration<float, std::milli>(0.25F)).count == 250'000);
    CHECK(nanos(duration<int>(7)).count == 7'000'000'000);
    CHECK(nanos(duration<int, std::nano>(7)).count == 7);
}

TEST_CASE("nanos becomes a chrono duration again") {
    const std::chrono::nanoseconds back = nanos(5ms);
    CHECK(back == 5ms);
    CHECK(keel::time_point(1s) + nanos(5ms) == keel::time_point(1005ms));
}

TEST_CASE("nanos saturates beyond 292 years, and not a tick before") {
    CHECK(nanos(std::chrono::hours::max()) == nanos::max());
    CHECK(nanos(std::chrono::hours::min()) == nanos::min());
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
    CHECK(nanos(std::chrono::seconds(most)).count == most * 1'000'000'000);
    CHECK(nanos(std::chrono::seconds(most + 1)) == nanos::max());
    CHECK(nanos(std::chrono::seconds(-most)).count == -most * 1'000'000'000);
    CHECK(nanos(std::chrono::seconds(-most - 1)) == nanos::min());
    CHECK(nanos(std::chrono::nanoseconds::max()) == nanos::max());
    CHECK(nanos(std::chrono::nanoseconds::min()) == nanos::min());
}

TEST_CASE("nanos from floating point goes towards zero, saturates, and turns not-a-number into its minimum") {
    CHECK(nanos::from(1.999) == nanos(1));
    CHECK(nanos::from(-1.999) == nanos(-1));
    CHECK(nanos::from(0x1p63) == nanos::max());
    CHECK(nanos::from(0x1p63 - 1024).count == std::numeric_limits<std::int64_t>::max() - 1023);
    CHECK(nanos::from(-0x1p63) == nanos::min());
    CHECK(nanos::from(-0x1.1p63) == nanos::min());
    CHECK(nanos::from(std::numeric_limits<double>::infinity()) == nanos::max());
    CHECK(nanos::from(-std::numeric_limits<double>::infinity()) == nanos::min());
    CHECK(nanos::from(std::numeric_limits<double>::quiet_NaN()) == nanos::min());
    CHECK(nanos(duration<double>(std::numeric_limits<double>::quiet_NaN())) == nanos::min());
    CHECK(nanos(duration<double, std::ratio<86'400>>(1e300)) == nanos::max());
}

TEST_CASE("nanos from a duration of narrow integers is exact") {
    CHECK(nanos(duration<int, std::milli>(2'100'000'000)).count == 2'100'000'000'000'000);
    CHECK(nanos(duration<int, std::micro>(5)).count == 5'000);
    CHECK(nanos(duration<int>(700'000'000)).count == 700'000'000'000'000'000);
    CHECK(nanos(duration<short, std::milli>(30'000)).count == 30'000'000'000);
}

TEST_CASE("nanos from a duration of unsigned integers is exact, and saturates") {
    CHECK(nanos(duration<unsigned, std::milli>(5)).count == 5'000'000);
    CHECK(nanos(duration<std::uint64_t, std::milli>(5)).count == 5'000'000);
    CHECK(nanos(duration<std::uint64_t, std::nano>(5)).count == 5);
    CHECK(nanos(duration<std::uint64_t, std::nano>(~std::uint64_t{0})) == nanos::max());
}

TEST_CASE("nanos compares by its count") {
    CHECK(nanos(1ms) == nanos(1000us));
    CHECK(nanos(1ms) < nanos(2ms));
    CHECK(nanos::min() < nanos(0));
    CHECK(nanos(0) < nanos::max());
}

TEST_CASE("the longest duration of a policy is a century, and can be added to any time of the next") {
    CHECK(keel::longest == nanos(24h * 365 * 100));
    CHECK(keel::time_point(24h * 365 * 100) + keel::longest < keel::no_deadline);
}
