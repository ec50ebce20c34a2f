// SPDX-License-Identifier: BSL-1.0
#include <keel/clock/clock.hpp>
#include <keel/clock/manual_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {
struct broken_sleep {
    keel::time_point now() const noexcept { return keel::time_point(3s); }
    void sleep_until(keel::time_point) const { throw std::runtime_error("cancelled"); }
};
} // namespace

TEST_CASE("a clock_ref reads and sleeps by the very clock that it refers to") {
    keel::manual_clock clock;
    keel::clock_ref ref;
    ref = keel::clock_ref(clock);
    clock.advance(5s);
    CHECK(ref.now() == keel::time_point(5s));
    ref.sleep_until(keel::time_point(8s));
    CHECK(clock.now() == keel::time_point(8s));
}

TEST_CASE("a clock_ref lets the exception of a sleep pass") {
    const broken_sleep clock;
    const keel::clock_ref ref(clock);
    CHECK(ref.now() == keel::time_point(3s));
    CHECK_THROWS_AS(ref.sleep_until(keel::time_point(4s)), std::runtime_error);
}
