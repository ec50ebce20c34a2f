// SPDX-License-Identifier: BSL-1.0
#include "support/naive_rate.hpp"
#include "support/overtaken_atomics.hpp"
#include "support/seed.hpp"

#include <keel/rate/gcra.hpp>
#include <keel/rate/limiter.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <string_view>

using namespace std::chrono_literals;
using keel::gcra;
using keel::nanos;
using keel::rate_limiter;

namespace {

constexpr keel::time_point at(nanos t) { return keel::time_point(t); }

int taken_at(rate_limiter<>& limiter, nanos now, int most = 1000) {
    int n = 0;
    while (n < most && limiter.try_acquire(at(now)))
        ++n;
    return n;
}

/// The test is only as good as what it draws: short and long intervals, whole and not, small and large bursts.
gcra drawn(std::mt19937_64& random) {
    const auto up_to = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)) + 1;
    };
    constexpr std::int64_t pers[] = {1, 7, 1000, 999'983, 1'000'000'000, 3'600'000'000'007, 86'400'000'000'000};
    constexpr std::int64_t rates[] = {1, 3, 7, 50, 1000, 666'666'667, 1'000'000'000};
    constexpr std::int64_t bursts[] = {1, 2, 5, 50, 1000, 2'147'483'647};
    for (;;) {
        gcra c;
        c.per = nanos(random() % 2 ? pers[random() % std::size(pers)] : up_to(2'000'000'000));
        c.rate = static_cast<int>(random() % 2 ? rates[random() % std::size(rates)] : up_to(1'000'000));
        c.burst = static_cast<int>(random() % 4 ? up_to(20) : bursts[random() % std::size(bursts)]);
        c.max_wait = nanos(random() % 2 ? 0 : up_to(c.per.count * 3));
        if (!c.validate()) return c;
    }
}

} // namespace

TEST_CASE("after a rest a burst passes, and then one every interval") {
    rate_limiter<> limiter{{.rate = 50, .per = 1s, .burst = 5}};
    CHECK(limiter.config().burst == 5);
    CHECK(taken_at(limiter, 7s) == 5);
    const auto refused = limiter.try_acquire(at(7s));
    CHECK(!refused);
    CHECK(refused.wait == 20ms);
    CHECK(!limiter.try_acquire(at(7s + 20ms - 1ns)));
    CHECK(limiter.try_acquire(at(7s + 20ms)).granted);
    CHECK(limiter.try_acquire(at(7s + 20ms)).wait == 20ms);
    CHECK(taken_at(limiter, 7s + 100ms) == 4);
    CHECK(taken_at(limiter, 8s) == 5);
}

TEST_CASE("permits are fifty a second with a burst of fifty where nothing else is said") {
    rate_limiter<> limiter;
    CHECK(taken_at(limiter, 0s) == 50);
    CHECK(taken_at(limiter, 1s) == 50);
    CHECK(limiter.wait_for(at(1s)) == 20ms);
}

TEST_CASE("a call takes as many permits as it costs, and a larger one waits for them") {
    rate_limiter<> limiter{{.rate = 10, .per = 1s, .burst = 10}};
    CHECK(limiter.try_acquire(at(0s), 7).granted);
    CHECK(limiter.available(at(0s)) == 3);
    CHECK(limiter.try_acquire(at(0s), 4).wait == 100ms);
    CHECK(limiter.try_acquire(at(0s), 10).wait == 700ms);
    CHECK(limiter.try_acquire(at(0s), 3).granted);
    CHECK(limiter.available(at(0s)) == 0);
    CHECK(limiter.available(at(99ms)) == 0);
    CHECK(limiter.available(at(100ms)) == 1);
    CHECK(limiter.available(at(1h)) == 10);
}

TEST_CASE("what costs nothing passes, and what costs more than a burst or less than nothing never does") {
    rate_limiter<> limiter{{.rate = 10, .per = 1s, .burst = 2, .max_wait = 1h}};
    CHECK(limiter.try_acquire(at(0s), 3).wait == 0s);
    CHECK(limiter.wait_for(at(0s), 3) == nanos::max());
    for (const std::int64_t never : {std::int64_t{3}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
                                     std::numeric_limits<std::int64_t>::min()})
        CHECK(!limiter.try_acquire(at(24h), never));
    CHECK(limiter.available(at(0s)) == 2);
    CHECK(limiter.try_acquire(at(0s), 2).granted);
    CHECK(limiter.try_acquire(at(0s), 0).granted);
    CHECK(limiter.wait_for(at(0s), 0) == 0s);
    CHECK(limiter.available(at(0s)) == 0);
}

TEST_CASE("a call that may wait is told how long, and what comes after it waits longer") {
    rate_limiter<> limiter{{.rate = 10, .per = 1s, .burst = 1, .max_wait = 250ms}};
    CHECK(limiter.try_acquire(at(0s)).wait == 0s);
    for (const nanos wait : {100ms, 200ms}) {
        const auto r = limiter.try_acquire(at(0s));
        CHECK(r.granted);
        CHECK(r.wait == wait);
    }
    const auto refused = limiter.try_acquire(at(0s));
    CHECK(!refused);
    CHECK(refused.wait == 300ms);
    CHECK(limiter.available(at(0s)) == -2);
    CHECK(limiter.available(at(1ms)) == -2);
    CHECK(limiter.available(at(100ms)) == -1);
    CHECK(limiter.try_acquire(at(50ms)).wait == 250ms);
}

TEST_CASE("a reservation goes back if nobody has come since, and is lost otherwise") {
    rate_limiter<> limiter{{.rate = 10, .per = 1s, .burst = 1, .max_wait = 1s}};
    CHECK(limiter.try_acquire(at(0s)).granted);
    const auto last = limiter.try_acquire(at(0s));
    CHECK(limiter.give_back(last));
    CHECK(limiter.try_acquire(at(0s)).wait == 100ms);
    const auto overtaken = limiter.try_acquire(at(0s));
    const auto later = limiter.try_acquire(at(0s));
    CHECK(!limiter.give_back(overtaken));
    CHECK(limiter.give_back(later));
    CHECK(limiter.wait_for(at(0s)) == 300ms);
}

TEST_CASE("who is overtaken between looking and taking looks again") {
    using overtaken = support::overtaken_atomics<support::exchanges::weak>;
    constexpr gcra config{.rate = 10, .per = 1s, .burst = 2, .max_wait = 150ms};
    constexpr gcra::pace pace(config);
    gcra::permits<overtaken> permits;
    const auto other_takes_at = [&](nanos now) {
        support::meanwhile = [&, now] { REQUIRE(permits.try_take(pace, at(now), 1)); };
    };
    other_takes_at(0s);
    CHECK(permits.try_take(pace, at(0s), 1));
    CHECK(permits.available(pace, at(0s)) == 0);
    other_takes_at(100ms);
    CHECK(!permits.try_take(pace, at(100ms), 1));
    other_takes_at(300ms);
    CHECK(permits.reserve(pace, at(300ms), 1, 0s).wait == 0s);
    other_takes_at(400ms);
    CHECK(permits.reserve(pace, at(400ms), 1, config.max_wait).wait == 100ms);
    other_takes_at(600ms);
    const auto refused = permits.reserve(pace, at(600ms), 1, 50ms);
    CHECK(!refused);
    CHECK(refused.wait == 100ms);
    support::meanwhile = nullptr;
}

TEST_CASE("what is granted takes one exchange, and what is refused or free takes none") {
    gcra::permits<support::overtaken_atomics<support::exchanges::weak>> permits;
    constexpr gcra::pace pace({.rate = 10, .per = 1s, .burst = 2});
    const auto exchanges_of = [](auto call) {
        support::meanwhile = [] {};
        call();
        return support::meanwhile ? 0 : 1; // the double lets no exchange fail
    };
    CHECK(exchanges_of([&] { CHECK(permits.try_take(pace, at(0s), 1)); }) == 1);
    CHECK(exchanges_of([&] { CHECK(permits.try_take(pace, at(0s), 1)); }) == 1);
    CHECK(exchanges_of([&] { CHECK(!permits.try_take(pace, at(0s), 1)); }) == 0);
    CHECK(exchanges_of([&] { CHECK(!permits.reserve(pace, at(0s), 1, 0s)); }) == 0);
    CHECK(exchanges_of([&] { CHECK(permits.wait_for(pace, at(0s), 1) == 100ms); }) == 0);
    CHECK(exchanges_of([&] { CHECK(permits.try_take(pace, at(0s), 0)); }) == 0);
    CHECK(exchanges_of([&] { CHECK(permits.reserve(pace, at(0s), 1, 100ms)); }) == 1);
    CHECK(exchanges_of([&] { CHECK(permits.try_take(pace, at(0s), 0)); }) == 0); // though others wait
    CHECK(exchanges_of([&] { CHECK(permits.reserve(pace, at(0s), 0, 0s)); }) == 0);
    support::meanwhile = nullptr;
}

TEST_CASE("a rate that shares out no whole nanoseconds is kept for ever") {
    // 333333333.3 ns from permit to permit: the n-th of a row comes after n of them, rounded up once.
    rate_limiter<> limiter{{.rate = 3, .per = 1s, .burst = 1, .max_wait = 100'000s}};
    for (std::int64_t n = 0; n <= 300'000; ++n)
        REQUIRE(limiter.try_acquire(at(0s)).wait.count == (n * 1'000'000'000 + 2) / 3);
    CHECK(limiter.wait_for(at(0s)) == 100'000s + 333'333'334ns);
}

TEST_CASE("in no stretch of N periods are there more than N x rate + burst, to the last one") {
    struct tried {
        int rate, burst;
        nanos per;
    };
    for (const auto [rate, burst, per] : {tried{3, 1, 1s}, tried{7, 4, 1us}, tried{50, 50, 1s}, tried{3, 1, 4ns},
                                          tried{2, 3, 3ns}, tried{999'999'937, 1, 1s}, tried{1, 1, 1ns}}) {
        CAPTURE(rate);
        CAPTURE(per.count);
        rate_limiter<> limiter{{.rate = rate, .per = per, .burst = burst}};
        support::grants granted;
        std::mt19937_64 random(1);
        std::int64_t now = 0;
        const bool by_the_period = per.count <= 1'000'000 * std::int64_t{rate};
        for (int i = 0; i < 20'000; ++i) {
            const auto r = limiter.try_acquire(at(nanos(now)));
            if (r) granted.add(now, 1);
            // Mostly as soon as it may; at times after a pause.
            if (!r) now += random() % 8 == 0 ? static_cast<std::int64_t>(random() % 100) : r.wait.count;
        }
        for (const std::int64_t n : {1, 2, 3, 10, 1000}) {
            if (by_the_period || n <= 3) CHECK(granted.most_in(n * per.count) <= n * rate + burst);
        }
        // And who asks without a pause gets them all, if the burst makes up for the nanosecond that the last one was
        // late.
        rate_limiter<> eager{{.rate = rate, .per = per, .burst = burst + 1}};
        std::int64_t taken = 0;
        for (now = 0; now <= 5000 && per.count <= 1000; ++now)
            while (eager.try_acquire(at(nanos(now))))
                ++taken;
        if (per.count <= 1000) CHECK(taken == burst + 1 + 5000 * rate / per.count);
    }
}

TEST_CASE("the largest figures fit") {
    constexpr int most = std::numeric_limits<int>::max();
    rate_limiter<> fast{{.rate = 1'000'000'000, .per = 1s, .burst = most}};
    CHECK(fast.try_acquire(at(0s), most).granted);
    CHECK(fast.try_acquire(at(0s)).wait == 1ns);
    CHECK(fast.try_acquire(at(0s), most).wait == nanos(most));
    rate_limiter<> slow{{.rate = 1, .per = 24h, .burst = 36'500, .max_wait = keel::longest}};
    CHECK(slow.try_acquire(at(0s), 36'500).granted);
    CHECK(slow.try_acquire(at(0s), 36'500).wait == nanos(keel::longest));
    CHECK(slow.try_acquire(at(0s), 1).wait.count == keel::longest.count + nanos(24h).count);
    const auto latest = at(nanos(24h * 365 * 90));
    rate_limiter<> late{{.rate = 7, .per = 24h, .burst = 255'500, .max_wait = keel::longest}};
    CHECK(late.try_acquire(latest, 255'500).granted);
    CHECK(late.try_acquire(latest, 255'500).wait == nanos(keel::longest));
    CHECK(late.available(latest) == -255'500);
}

TEST_CASE("time may leap by years, stand still, and go back") {
    rate_limiter<> limiter{{.rate = 3, .per = 1s, .burst = 2}};
    for (const auto now : {-24h * 365 * 80, -1h, 0h, 24h * 365, 24h * 365 * 50, 24h * 365 * 80}) {
        CHECK(taken_at(limiter, now) == 2);
        CHECK(limiter.wait_for(at(now)) == 333'333'334ns);
    }
    rate_limiter<> backwards{{.rate = 1, .per = 1s, .burst = 1}};
    CHECK(backwards.try_acquire(at(10s)).granted);
    CHECK(backwards.try_acquire(at(9s)).wait == 2s);
    CHECK(backwards.try_acquire(at(11s - 1ns)).wait == 1ns);
    CHECK(backwards.try_acquire(at(11s)).granted);
    for (const auto edge : {keel::time_point::min(), keel::time_point::max()}) {
        rate_limiter<> at_the_edge{{.rate = 3, .per = 1s, .burst = 2, .max_wait = keel::longest}};
        CHECK(at_the_edge.try_acquire(edge, 2).wait == 0s);
        CHECK(at_the_edge.try_acquire(edge, 2).wait.count / 1'000'000 == 666);
        CHECK(at_the_edge.wait_for(keel::time_point::min()) > 0s);
    }
}

TEST_CASE("limits out of range are refused, and those at its edges are not") {
    const auto wrong = [](const gcra& c) { return std::string_view(c.validate() ? c.validate().field : ""); };
    CHECK(wrong({}) == "");
    CHECK(wrong({.rate = 0}) == "rate");
    CHECK(wrong({.rate = -1}) == "rate");
    CHECK(wrong({.rate = 1001, .per = 1us}) == "rate");
    CHECK(wrong({.rate = 1000, .per = 1us}) == "");
    CHECK(wrong({.per = 0s}) == "per");
    CHECK(wrong({.per = keel::nanos(keel::longest.count + 1)}) == "per");
    CHECK(wrong({.rate = 1, .per = keel::longest, .burst = 1}) == "");
    CHECK(wrong({.rate = 1, .per = keel::longest, .burst = 2}) == "burst");
    CHECK(wrong({.burst = 0}) == "burst");
    CHECK(wrong({.max_wait = -1ns}) == "max_wait");
    CHECK(wrong({.max_wait = std::chrono::hours::max()}) == "max_wait");
    CHECK(std::string_view(gcra{.rate = 0}.validate().policy) == "rate_limit");
    CHECK_THROWS_AS(rate_limiter<>{{.rate = 0}}, keel::invalid_config);
}

TEST_CASE(
    "a limiter does what exact fractions say, and is late by less than two nanoseconds where T is no whole number") {
    for (std::uint64_t seed = support::first_seed(); seed < support::first_seed() + 400; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const gcra config = drawn(random);
        CAPTURE(config.rate);
        CAPTURE(config.per.count);
        CAPTURE(config.burst);
        const bool whole = config.per.count % config.rate == 0;
        const std::int64_t tick_above = whole ? 0 : 2;
        rate_limiter<> limiter{config};
        support::naive_gcra model{config};
        std::int64_t now = static_cast<std::int64_t>(random() % 2'000'000'000'000'000'000) - 1'000'000'000'000'000'000;
        const std::int64_t interval = config.per.count / config.rate;
        for (int i = 0; i < 1000; ++i) {
            switch (random() % 6) {
            case 0:
                now += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(3 * interval));
                break;
            case 1:
                now += static_cast<std::int64_t>(random() % 3);
                break;
            case 2:
                now += limiter.wait_for(at(nanos(now))).count - static_cast<std::int64_t>(random() % 2);
                break;
            case 3:
                if (random() % 50 == 0) now += static_cast<std::int64_t>(random() % (std::uint64_t{1} << 50));
                break;
            default:
                break;
            }
            const auto cost = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(config.burst)) %
                                  (i % 10 == 0 ? config.burst : 3) +
                              1;
            const std::int64_t wait = model.wait_for(now, cost);
            const std::int64_t is = limiter.wait_for(at(nanos(now)), cost).count;
            REQUIRE(is >= wait);
            REQUIRE(is <= wait + tick_above);
            const auto r = limiter.try_acquire(at(nanos(now)), cost);
            REQUIRE(r.granted == (is <= config.max_wait.count));
            REQUIRE(r.wait.count == is);
            if (r) model.take(now, cost);
            const std::int64_t left = limiter.available(at(nanos(now)));
            if (left > 0) REQUIRE(limiter.wait_for(at(nanos(now)), left) == nanos(0));
            if (left < config.burst) REQUIRE(limiter.wait_for(at(nanos(now)), left < 0 ? 1 : left + 1) > nanos(0));
        }
    }
}
