// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/hand_driven.hpp"
#include "support/lanes.hpp"

#include <keel/breaker.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <random>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::ending;
using keel::sliding_time_window;
using keel::sliding_window;
using keel::transition_cause;
using support::on_lane;
using support::slow_above_100ms;

namespace {

/// A window as one would explain it: results are written down, and the old ones are crossed out.
struct written_down {
    struct result {
        std::int64_t bucket;
        bool failed, slow;
    };
    std::size_t calls = std::numeric_limits<std::size_t>::max();
    std::int64_t buckets = std::numeric_limits<std::int64_t>::max() / 2;
    std::int64_t bucket_length = 1;
    std::deque<result> held{};

    void record(keel::time_point at, bool failed, bool slow) {
        held.push_back({bucket(at), failed, slow});
        cross_out(at);
    }
    void cross_out(keel::time_point at) {
        while (!held.empty() && (held.size() > calls || held.front().bucket <= bucket(at) - buckets))
            held.pop_front();
    }
    std::int64_t bucket(keel::time_point t) const { return t.time_since_epoch().count() / bucket_length; }
    keel::window_counts counted() const {
        keel::window_counts c{};
        for (const result& r : held) {
            ++c.calls;
            c.failed += r.failed;
            c.slow += r.slow;
            c.slow_failed += r.failed && r.slow;
        }
        return c;
    }
};

/// Random results, slow ones and failures among them, in a circuit and written down: after each of them the circuit has
/// counted the same, and is open exactly if either rate is reached.
template <class Circuit, class Window>
void trips_as_written_down(keel::breaker_config<Window> config, written_down model, unsigned seed,
                           std::chrono::nanoseconds longest_pause) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    Circuit c(config, 1000s);
    const auto up_to = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % (static_cast<std::uint64_t>(n) + 1));
    };
    std::int64_t failing = 30, slowing = 30, trips_by_slow = 0, trips_by_failures = 0;
    for (int i = 0; i < 3000; ++i) {
        if (up_to(50) == 0) failing = up_to(100), slowing = up_to(100);
        c.clock.advance(std::chrono::nanoseconds(up_to(longest_pause.count())));
        const bool failed = up_to(99) < failing, slow = up_to(99) < slowing;
        REQUIRE(c.takes(slow ? 100ms + 1ns : 100ms, failed ? ending::failed : ending::succeeded));
        model.record(c.clock.now(), failed, slow);
        const keel::window_counts expected = model.counted();
        const keel::circuit_stats s = c.circuit.stats();
        REQUIRE(s.window.calls == expected.calls);
        REQUIRE(s.window.failed == expected.failed);
        REQUIRE(s.window.slow == expected.slow);
        REQUIRE(s.window.slow_failed == expected.slow_failed);
        const auto calls = static_cast<double>(expected.calls);
        REQUIRE(s.failure_rate == static_cast<double>(expected.failed) / calls);
        REQUIRE(s.slow_rate == static_cast<double>(expected.slow) / calls);
        const auto minimum = std::min<std::uint64_t>(static_cast<std::uint64_t>(config.minimum_calls), model.calls);
        const bool by_failures = expected.calls >= minimum && s.failure_rate >= config.failure_rate;
        const bool by_slow = expected.calls >= minimum && s.slow_rate >= config.slow_call.rate;
        REQUIRE((c.state() == circuit_state::open) == (by_failures || by_slow));
        if (!by_failures && !by_slow) continue;
        const keel::circuit_log log = c.circuit.log();
        REQUIRE(log.entries[log.size - 1].cause ==
                (by_failures ? transition_cause::failures : transition_cause::slow_calls));
        ++(by_failures ? trips_by_failures : trips_by_slow);
        c.circuit.close();
        model.held.clear();
    }
    // Else the run would have shown little.
    CHECK(trips_by_slow > 10);
    CHECK(trips_by_failures > 10);
}

} // namespace

TEST_CASE("slow calls leave a count window with the calls after them") {
    auto config = slow_above_100ms<sliding_window>(2, 0.5);
    config.window.calls = 4;
    support::hand_driven<sliding_window> c(config, 1000s);
    c.takes(1ms), c.takes(1ms), c.takes(1ms), c.takes(101ms);
    CHECK(c.circuit.stats().window.slow == 1);
    for (int i = 0; i < 4; ++i)
        c.takes(1ms);
    CHECK(c.circuit.stats().window.slow == 0);
    c.takes(101ms);
    CHECK(c.state() == circuit_state::closed);
    c.takes(101ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("slow calls leave a time window with their bucket") {
    auto config = slow_above_100ms<sliding_time_window>(2, 0.5);
    support::hand_driven<sliding_time_window> c(config, 1000s);
    c.takes(1ms), c.takes(1ms), c.takes(101ms);
    CHECK(c.circuit.stats().window.slow == 1);
    c.clock.set(keel::time_point(1010s - 1ns));
    CHECK(c.circuit.stats().window.slow == 1);
    c.clock.set(keel::time_point(1010s));
    CHECK(c.circuit.stats().window.slow == 0);
    CHECK(c.circuit.stats().slow_rate == 0);
}

TEST_CASE_TEMPLATE("a circuit with a count window counts slow calls as those written down", L,
                   on_lane<sliding_window, true>, on_lane<sliding_window, false>) {
    for (unsigned seed = 1; seed <= 8; ++seed) {
        keel::breaker_config<sliding_window> c{.window = {.calls = static_cast<int>(seed * seed)},
                                               .failure_rate = 0.35 + 0.05 * seed,
                                               .minimum_calls = static_cast<int>(1 + seed * 3),
                                               .slow_call = {.longer_than = 100ms, .rate = 0.8 - 0.05 * seed}};
        trips_as_written_down<typename L::circuit>(c, {.calls = std::size_t{seed} * seed}, seed, 0s);
    }
}

TEST_CASE_TEMPLATE("a circuit with a time window counts slow calls as those written down", L,
                   on_lane<sliding_time_window, true>, on_lane<sliding_time_window, false>) {
    for (unsigned seed = 1; seed <= 8; ++seed) {
        const int buckets = static_cast<int>(2 * seed);
        keel::breaker_config<sliding_time_window> c{
            .window = {.span = std::chrono::milliseconds(300 * buckets), .buckets = buckets},
            .failure_rate = 0.35 + 0.05 * seed,
            .minimum_calls = static_cast<int>(1 + seed),
            .slow_call = {.longer_than = 100ms, .rate = 0.8 - 0.05 * seed}};
        trips_as_written_down<typename L::circuit>(
            c, {.buckets = buckets, .bucket_length = std::chrono::nanoseconds(300ms).count()}, seed, 150ms);
    }
}
