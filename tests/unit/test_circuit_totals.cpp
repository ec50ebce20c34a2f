// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/circuit_states.hpp"
#include "support/hand_driven.hpp"
#include "support/lanes.hpp"
#include "support/zero_counts.hpp"

#include <keel/breaker.hpp>
#include <keel/circuit.hpp>
#include <keel/circuit_stats.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::ending;
using keel::sliding_time_window;
using keel::sliding_window;
using support::all_states;
using support::check_zero;
using support::put_in;
using support::trips_at;

namespace {
bool add_up(const keel::circuit_totals& t) { return t.calls == t.successes + t.failures + t.ignored + t.late; }
} // namespace

TEST_CASE_TEMPLATE("each call is in exactly one total", L, BY_RATE_ON_ALL_LANES) {
    auto config = trips_at<typename L::window>(50);
    config.slow_call.longer_than = 1s;
    typename L::circuit c(config, 1000s);
    for (int i = 0; i < 3; ++i)
        c.succeed();
    for (int i = 0; i < 5; ++i)
        c.fail();
    for (int i = 0; i < 7; ++i)
        c.run(ending::ignored);
    const auto slow = c.ask(), slow_failure = c.ask();
    c.clock.advance(2s);
    c.succeed(*slow), c.fail(*slow_failure);
    std::vector<typename L::circuit::permit> late;
    for (int i = 0; i < 11; ++i)
        late.push_back(*c.ask());
    c.circuit.force_open();
    for (int i = 0; i < 11; ++i)
        c.end(late[static_cast<std::size_t>(i)], i % 3 == 0   ? ending::failed
                                                 : i % 3 == 1 ? ending::succeeded
                                                              : ending::ignored);
    for (int i = 0; i < 13; ++i)
        c.ask();
    const keel::circuit_totals t = c.circuit.stats().totals;
    CHECK(t.successes == 4);
    CHECK(t.failures == 6);
    CHECK(t.ignored == 7);
    CHECK(t.slow == 2);
    CHECK(t.late == 11);
    CHECK(t.rejected == 13);
    CHECK(t.opens == 1);
    CHECK(t.calls == 28);
    CHECK(add_up(t));
}

TEST_CASE_TEMPLATE("where calls under way are counted, each that ends is in the totals all the same", W,
                   keel::basic_sliding_window<{.count_overdue = true}>,
                   keel::basic_sliding_time_window<{.count_overdue = true}>) {
    auto config = trips_at<W>(1000);
    config.slow_call.longer_than = 5s;
    support::hand_driven<W> c(config, 1000s);
    std::uint64_t ended = 0;
    for (int i = 0; i < 1000; ++i)
        c.succeed(), ++ended; // warm
    REQUIRE(c.state() == circuit_state::closed);
    for (const auto takes : {0ms, 1ms, 999ms, 1000ms, 4999ms, 5000ms, 5001ms, 60'000ms}) {
        const auto first = c.ask(), second = c.ask();
        c.clock.advance(takes);
        c.succeed(*first), ++ended;
        std::thread([&] { c.succeed(*second); }).join(); // it did not begin there
        ++ended;
        CHECK(c.circuit.stats().totals.successes == ended);
        CHECK(c.circuit.stats().overdue == 0);
    }
    CHECK(c.circuit.stats().totals.slow == 4);
}

TEST_CASE_TEMPLATE("probes are in the totals as other calls are", L, ON_ALL_LANES) {
    auto c = L::make(2, 2);
    c.circuit.half_open();
    c.run(ending::ignored);
    c.succeed(), c.succeed();
    c.circuit.half_open();
    c.fail();
    const keel::circuit_totals t = c.circuit.stats().totals;
    CHECK(t.successes == 2);
    CHECK(t.failures == 1);
    CHECK(t.ignored == 1);
    CHECK(t.calls == 4);
}

TEST_CASE_TEMPLATE("every way to open counts as one opening, and no other transition does", L, ON_ALL_LANES) {
    auto c = L::make(2, 2);
    c.fail(), c.fail();
    CHECK(c.circuit.stats().totals.opens == 1);
    c.clock.advance(10s);
    c.fail(), c.fail();
    CHECK(c.state() == circuit_state::open);
    CHECK(c.circuit.stats().totals.opens == 2);
    c.circuit.open();
    CHECK(c.circuit.stats().totals.opens == 3);
    c.circuit.force_open();
    CHECK(c.circuit.stats().totals.opens == 4);
    c.circuit.close(), c.circuit.half_open(), c.circuit.disable(), c.circuit.metrics_only();
    CHECK(c.circuit.stats().totals.opens == 4);
}

TEST_CASE_TEMPLATE("a reset makes all totals zero, and they count on from there", L, BY_RATE_ON_ALL_LANES) {
    auto config = trips_at<typename L::window>(50);
    config.slow_call.longer_than = 1s;
    typename L::circuit c(config, 1000s);
    for (int round = 0; round < 3; ++round) {
        c.succeed(), c.fail(), c.run(ending::ignored);
        const auto slow = c.ask(), late = c.ask();
        c.clock.advance(2s);
        c.succeed(*slow);
        c.circuit.force_open();
        c.ask(), c.succeed(*late);
        const keel::circuit_totals t = c.circuit.stats().totals;
        CHECK(t.calls == 5);
        CHECK(t.successes == 2);
        CHECK(t.failures == 1);
        CHECK(t.ignored == 1);
        CHECK(t.slow == 1);
        CHECK(t.late == 1);
        CHECK(t.rejected == 1);
        CHECK(t.opens == 1);
        c.circuit.reset();
        check_zero(c.circuit.stats().totals);
        CHECK(c.circuit.stats().rejected == 0);
        CHECK(c.circuit.stats().window.calls == 0);
    }
}

TEST_CASE_TEMPLATE("no other change by hand takes anything from the totals", L, BY_RATE_ON_ALL_LANES) {
    auto c = L::make(50);
    c.succeed(), c.fail();
    for (const circuit_state state : all_states)
        put_in(c.circuit, state);
    CHECK(c.circuit.stats().totals.calls == 2);
    CHECK(c.circuit.stats().totals.successes == 1);
    CHECK(c.circuit.stats().totals.failures == 1);
}

TEST_CASE_TEMPLATE("a call that ends after a reset is late in the new totals", L, BY_RATE_ON_ALL_LANES) {
    auto c = L::make(50);
    const auto p = c.ask();
    c.circuit.reset();
    c.succeed(*p);
    CHECK(c.circuit.stats().totals.late == 1);
    CHECK(c.circuit.stats().totals.calls == 1);
}

TEST_CASE("totals are kept when the buckets of a time window are used again, whichever way the clock goes") {
    using namespace std::chrono;
    for (const unsigned seed : {1u, 2u, 3u}) {
        std::mt19937_64 random(seed);
        support::hand_driven<sliding_time_window> c(trips_at<sliding_time_window>(1000), 1000s);
        std::uint64_t successes = 0, failures = 0;
        for (int i = 0; i < 3000; ++i) {
            const auto pick = random();
            if (pick % 4 == 0) {
                c.fail();
                ++failures;
            } else {
                c.succeed();
                ++successes;
            }
            if (pick % 16 < 4) c.clock.advance(milliseconds(random() % 3000));
            if (pick % 16 == 5) c.clock.advance(-milliseconds(random() % 3000));
            if (pick % 256 == 6) c.clock.advance(hours(1));
            if (pick % 512 == 7) c.clock.advance(-minutes(5));
            REQUIRE(c.circuit.stats().totals.successes == successes);
            REQUIRE(c.circuit.stats().totals.failures == failures);
        }
    }
}

TEST_CASE("totals are kept when threads without a shard share the buckets of a time window") {
    using one_shard = keel::basic_sliding_time_window<{.shards = 1}>;
    keel::manual_clock clock;
    keel::breaker_config<one_shard> config{.failure_rate = 1, .minimum_calls = 1'000'000};
    keel::circuit<one_shard, keel::manual_clock> c(config, clock);
    for (int round = 0; round < 40; ++round) {
        std::vector<std::jthread> running;
        for (int t = 0; t < 4; ++t) {
            running.emplace_back([&] {
                for (int i = 0; i < 50; ++i) {
                    c.try_acquire().success();
                    c.try_acquire().failure();
                }
            });
        }
        running.clear();
        clock.advance(1700ms);
    }
    CHECK(c.stats().totals.successes == 8000);
    CHECK(c.stats().totals.failures == 8000);
}

TEST_CASE_TEMPLATE("totals are exact when more threads count than there are shards", W,
                   keel::basic_sliding_window<{.shards = 2}>, keel::basic_sliding_time_window<{.shards = 2}>) {
    keel::manual_clock clock;
    keel::circuit<W, keel::manual_clock> c(keel::breaker_config<W>{.failure_rate = 1, .minimum_calls = 1'000'000},
                                           clock);
    std::vector<std::jthread> running;
    for (int t = 0; t < 8; ++t) {
        running.emplace_back([&] {
            for (int i = 0; i < 300; ++i) {
                c.try_acquire().success();
                c.try_acquire().failure();
                static_cast<void>(c.try_acquire());
            }
        });
    }
    running.clear();
    const keel::circuit_totals t = c.stats().totals;
    CHECK(t.successes == 2400);
    CHECK(t.failures == 2400);
    CHECK(t.ignored == 2400);
    CHECK(t.calls == 7200);
}

TEST_CASE("a failure that is being recorded while totals are reset leaves them adding up") {
    keel::circuit<sliding_window> c({.failure_rate = 1, .minimum_calls = 1'000'000});
    std::vector<std::jthread> running;
    for (int t = 0; t < 3; ++t) {
        running.emplace_back([&] {
            for (int i = 0; i < 5000; ++i)
                c.try_acquire().failure();
        });
    }
    for (int i = 0; i < 300; ++i)
        c.reset();
    running.clear();
    CHECK(add_up(c.stats().totals));
}
