// SPDX-License-Identifier: BSL-1.0
#include "support/naive_rate.hpp"
#include "support/overtaken_atomics.hpp"
#include "support/seed.hpp"

#include <keel/rate/fixed_window.hpp>
#include <keel/rate/limiter.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <string_view>

using namespace std::chrono_literals;
using keel::fixed_window;
using keel::nanos;
using limiter = keel::rate_limiter<keel::fixed_window>;

namespace {
constexpr keel::time_point at(nanos t) { return keel::time_point(t); }

int taken_at(limiter& l, nanos now) {
    int n = 0;
    while (n < 1000 && l.try_acquire(at(now)))
        ++n;
    return n;
}
} // namespace

TEST_CASE("each period has its limit, counted from the making") {
    limiter l{{.limit = 3, .period = 1s}, at(10ms)};
    CHECK(taken_at(l, 10ms) == 3);
    CHECK(l.try_acquire(at(500ms)).wait == 510ms);
    CHECK(taken_at(l, 1010ms - 1ns) == 0);
    CHECK(taken_at(l, 1010ms) == 3);
    CHECK(taken_at(l, 4s) == 3);
}

TEST_CASE("the end of a period and the start of the next see twice the limit") {
    limiter l{{.limit = 3, .period = 1s}};
    CHECK(taken_at(l, 1s - 1ns) == 3);
    CHECK(taken_at(l, 1s) == 3);
}

TEST_CASE("who may wait takes permits of the periods to come") {
    limiter l{{.limit = 2, .period = 1s, .max_wait = 1500ms}};
    CHECK(l.try_acquire(at(500ms), 2).wait == 0s);
    CHECK(l.try_acquire(at(500ms)).wait == 500ms);
    CHECK(l.try_acquire(at(500ms), 2).wait == 1500ms);
    CHECK(l.available(at(500ms)) == -3);
    const auto refused = l.try_acquire(at(500ms), 2);
    CHECK(!refused);
    CHECK(refused.wait == 2500ms);
    CHECK(l.try_acquire(at(500ms)).wait == 1500ms); // a smaller one still fits
    CHECK(l.available(at(2s)) == 0);
    CHECK(l.available(at(3s)) == 2);
}

TEST_CASE("more than the limit is granted after a wait, and never without one") {
    limiter waits{{.limit = 2, .period = 1s, .max_wait = 5s}}, does_not{{.limit = 2, .period = 1s}};
    CHECK(waits.try_acquire(at(0s), 9).wait == 4s);
    CHECK(waits.available(at(0s)) == -7);
    const auto never = does_not.try_acquire(at(0s), 3);
    CHECK(!never);
    CHECK(never.wait == 0s);
    CHECK(does_not.wait_for(at(0s), 3) == 1s);
    for (const std::int64_t cost :
         {std::int64_t{-1}, (std::int64_t{1} << 31) + 1, std::numeric_limits<std::int64_t>::max()}) {
        CHECK(!waits.try_acquire(at(0s), cost));
        CHECK(waits.wait_for(at(0s), cost) == nanos::max());
    }
    CHECK(does_not.available(at(0s)) == 2);
    CHECK(taken_at(does_not, 0s) == 2);
    CHECK(does_not.try_acquire(at(0s), 0).granted);
    CHECK(does_not.wait_for(at(0s), 0) == 0s);
}

TEST_CASE("a reservation in a window goes back if nobody has come since, and is lost otherwise") {
    limiter l{{.limit = 1, .period = 1s, .max_wait = 5s}};
    CHECK(l.try_acquire(at(0s)).granted);
    const auto last = l.try_acquire(at(0s));
    CHECK(l.give_back(last));
    const auto overtaken = l.try_acquire(at(0s));
    CHECK(overtaken.wait == 1s);
    CHECK(l.try_acquire(at(0s)).wait == 2s);
    CHECK(!l.give_back(overtaken));
    CHECK(l.wait_for(at(0s)) == 3s);
}

TEST_CASE("a window's time may leap by years, stand still, go back, and lie before the start") {
    limiter l{{.limit = 2, .period = 1s}, at(100s)};
    CHECK(taken_at(l, 0s) == 2);
    CHECK(taken_at(l, 100s) == 0);
    CHECK(taken_at(l, 24h * 365 * 80) == 2);
    CHECK(taken_at(l, 24h * 365 * 80 + 999ms) == 0);
    CHECK(taken_at(l, 24h * 365 * 80 - 1ms) == 0);
    CHECK(l.wait_for(at(24h * 365 * 80 - 1ms)) == 1001ms);
    CHECK(taken_at(l, 24h * 365 * 80 + 1s) == 2);
    limiter at_the_edge{{.limit = 1'000'000'000, .period = 1s, .max_wait = keel::longest}, keel::time_point::min()};
    CHECK(at_the_edge.try_acquire(keel::time_point::max(), std::int64_t{1} << 31).granted);
    CHECK(!at_the_edge.try_acquire(keel::time_point::min()));
    CHECK(at_the_edge.wait_for(keel::time_point::min()) > keel::longest);
}

TEST_CASE("who read the clock just before a period's end gets what the next one has left, or waits for it to begin") {
    limiter l{{.limit = 3, .period = 1s}};
    CHECK(l.try_acquire(at(0s), 2).granted);
    CHECK(l.try_acquire(at(1s)).granted);
    CHECK(l.available(at(1s - 1ns)) == 2);
    CHECK(taken_at(l, 1s - 1ns) == 2);
    CHECK(l.wait_for(at(1s - 1ns)) == 1s + 1ns);
    CHECK(taken_at(l, 1s) == 0);
    CHECK(taken_at(l, 2s) == 3);
    limiter waits{{.limit = 3, .period = 1s, .max_wait = 10ms}};
    CHECK(waits.try_acquire(at(1s)).granted);
    CHECK(waits.try_acquire(at(1s - 1ns), 2).wait == 1ns);
    CHECK(waits.available(at(1s)) == 0);
}

TEST_CASE("who is overtaken in a window looks again") {
    using overtaken = support::overtaken_atomics<support::exchanges::weak>;
    constexpr fixed_window config{.limit = 2, .period = 1s, .max_wait = 1s};
    constexpr fixed_window::pace pace(config);
    fixed_window::permits<overtaken> permits;
    const auto other_takes = [&](nanos now, std::int64_t cost) {
        support::meanwhile = [&, now, cost] { REQUIRE(permits.try_take(pace, at(now), cost)); };
    };
    other_takes(0s, 1);
    CHECK(permits.try_take(pace, at(0s), 1));
    other_takes(1s, 2);
    CHECK(!permits.try_take(pace, at(1s), 1));
    other_takes(2s, 1);
    CHECK(permits.reserve(pace, at(2s), 2, config.max_wait).wait == 1s);
    other_takes(4s, 2);
    const auto refused = permits.reserve(pace, at(4s), 1, 0s);
    CHECK(!refused);
    CHECK(refused.wait == 1s);
    support::meanwhile = nullptr;
}

TEST_CASE("a wait that no count of nanoseconds holds is refused") {
    limiter l{{.limit = 1, .period = keel::longest, .max_wait = keel::longest}};
    CHECK(l.wait_for(at(0s), std::int64_t{1} << 31) == nanos::max());
    CHECK(!l.try_acquire(at(0s), std::int64_t{1} << 31));
    CHECK(l.try_acquire(at(0s), 2).wait == nanos(keel::longest));
}

TEST_CASE("windows out of range are refused, and those at its edges are not") {
    const auto wrong = [](const fixed_window& c) { return std::string_view(c.validate() ? c.validate().field : ""); };
    CHECK(wrong({}) == "");
    CHECK(wrong({.limit = 0}) == "limit");
    CHECK(wrong({.limit = 51, .period = 50ns}) == "limit");
    CHECK(wrong({.limit = 50, .period = 50ns}) == "");
    CHECK(wrong({.period = 0s}) == "period");
    CHECK(wrong({.period = std::chrono::hours::max()}) == "period");
    CHECK(wrong({.max_wait = -1ns}) == "max_wait");
    CHECK_THROWS_AS(limiter{{.limit = 0}}, keel::invalid_config);
}

TEST_CASE("a window does what the rules say, one by one") {
    const std::uint64_t first = support::first_seed();
    for (std::uint64_t seed = first; seed < first + 400; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const auto up_to = [&](std::int64_t n) {
            return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)) + 1;
        };
        const int limit = static_cast<int>(random() % 2 ? up_to(5) : up_to(1000));
        const std::int64_t period = random() % 2 ? limit + up_to(10) : limit + up_to(2'000'000'000);
        const std::int64_t max_wait = random() % 2 ? 0 : up_to(4 * period);
        const fixed_window config{.limit = limit, .period = nanos(period), .max_wait = nanos(max_wait)};
        const std::int64_t start = static_cast<std::int64_t>(random() % 2'000'000'000'000) - 1'000'000'000'000;
        limiter l{config, at(nanos(start))};
        support::naive_fixed_window model{.config = config, .start = start};
        std::int64_t now = start;
        for (int i = 0; i < 1000; ++i) {
            if (random() % 3 == 0) now += up_to(random() % 8 == 0 ? 5 * period : period / 3 + 1) - 1;
            if (random() % 200 == 0) now += up_to(std::int64_t{1} << 46);
            const std::int64_t cost = random() % 4 == 0 ? up_to(2 * limit) : up_to(2);
            const std::int64_t wait = model.wait_for(now, cost);
            REQUIRE(l.available(at(nanos(now))) == model.available);
            REQUIRE(l.wait_for(at(nanos(now)), cost).count == wait);
            const auto r = l.try_acquire(at(nanos(now)), cost);
            REQUIRE(r.granted == (wait <= max_wait));
            REQUIRE(r.wait.count == (r.granted || cost <= limit ? wait : 0));
            if (r) model.take(cost);
        }
    }
}
