// SPDX-License-Identifier: BSL-1.0
#include <keel/rate/fixed_window.hpp>
#include <keel/rate/gcra.hpp>
#include <keel/rate/reservation.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

namespace {
struct no_pace {
    keel::nanos max_wait{};
};
static_assert(keel::rate_algorithm<keel::gcra> && keel::rate_algorithm<keel::fixed_window>);
static_assert(!keel::rate_algorithm<no_pace> && !keel::rate_algorithm<int>);
} // namespace

TEST_CASE("a limiter's time stands still 90 years from the epoch") {
    constexpr keel::nanos edge = 24h * 365 * 90;
    for (const auto t : {-edge.count, -edge.count + 1, std::int64_t{0}, edge.count - 1, edge.count})
        CHECK(keel::detail::in_reach(keel::time_point(keel::nanos(t))) == t);
    CHECK(keel::detail::in_reach(keel::time_point(edge) + 1ns) == edge.count);
    CHECK(keel::detail::in_reach(keel::time_point::max()) == edge.count);
    CHECK(keel::detail::in_reach(keel::time_point(-edge.count * 1ns) - 1ns) == -edge.count);
    CHECK(keel::detail::in_reach(keel::time_point::min()) == -edge.count);
}

TEST_CASE("a reservation is true where it is granted") {
    CHECK(keel::rate_reservation{.granted = true});
    CHECK(!keel::rate_reservation{});
}
