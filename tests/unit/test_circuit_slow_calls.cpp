// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/hand_driven.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/through.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <random>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::ending;
using keel::sliding_time_window;
using keel::sliding_window;
using keel::transition_cause;

namespace {

template <class Window, bool Express>
struct on_lane {
    using window = Window;
    using circuit = support::hand_driven<Window, Express>;
};
#define ON_ALL_LANES                                                                                                   \
    on_lane<sliding_window, true>, on_lane<sliding_window, false>, on_lane<sliding_time_window, true>,                 \
        on_lane<sliding_time_window, false>, on_lane<consecutive_failures, true>, on_lane<consecutive_failures, false>
#define BY_RATE_ON_ALL_LANES                                                                                           \
    on_lane<sliding_window, true>, on_lane<sliding_window, false>, on_lane<sliding_time_window, true>,                 \
        on_lane<sliding_time_window, false>

/// A call is slow above 100 ms. `minimum` of them decide; all must be failures, or `rate` of them slow.
template <class W>
keel::breaker_config<W> slow_above_100ms(int minimum, double rate = 1) {
    keel::breaker_config<W> c{};
    if constexpr (W::by_rate) {
        c.failure_rate = 1;
        c.minimum_calls = minimum;
        c.slow_call.rate = rate;
    } else {
        c.window.failures = minimum;
    }
    c.slow_call.longer_than = 100ms;
    c.open_for = 10s;
    c.growth.jitter = 0;
    return c;
}
template <class Circuit>
bool takes(Circuit& c, std::chrono::nanoseconds time, ending e = ending::succeeded) {
    const auto p = c.ask();
    c.clock.advance(time);
    if (p) c.end(*p, e);
    return p.has_value();
}

/// Counts how often it is read.
struct counting_clock {
    static inline int reads = 0;
    static inline std::int64_t time = 0;
    keel::time_point now() const noexcept {
        ++reads;
        return keel::time_point(std::chrono::nanoseconds(time));
    }
    void sleep_until(keel::time_point) const noexcept {}
};

template <class Config>
std::string_view wrong(const Config& c) {
    const keel::config_error e = c.validate();
    return e ? e.field : "";
}
template <class Make>
std::string message(Make make) {
    try {
        make();
    } catch (const keel::invalid_config& e) {
        return e.what();
    }
    return "accepted";
}

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
        REQUIRE(takes(c, slow ? 100ms + 1ns : 100ms, failed ? ending::failed : ending::succeeded));
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

TEST_CASE_TEMPLATE("a call that takes as long as the limit is not slow, and one nanosecond longer is", L,
                   ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(2), 1000s);
    takes(c, 100ms), takes(c, 100ms), takes(c, 0ms);
    CHECK(c.circuit.stats().totals.slow == 0);
    c.circuit.reset();
    takes(c, 100ms + 1ns);
    CHECK(c.circuit.stats().totals.slow == 1);
    CHECK(c.circuit.stats().totals.successes == 1);
    CHECK(c.state() == circuit_state::closed);
    takes(c, 100ms + 1ns);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a call is slow also once the circuit has left its warm-up", L, ON_ALL_LANES) {
    using window = typename L::window;
    typename L::circuit c(slow_above_100ms<window>(2, window::by_rate ? 0.5 : 1), 1000s);
    takes(c, 0ms), takes(c, 0ms), takes(c, 0ms);
    takes(c, 101ms);
    CHECK(c.circuit.stats().totals.slow == 1);
    CHECK(c.state() == circuit_state::closed);
    takes(c, 101ms);
    CHECK(c.state() == (window::by_rate ? circuit_state::closed : circuit_state::open));
    takes(c, 101ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("slow calls trip a circuit at their rate and not below it, and are the cause in its log", L,
                   BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(4, 0.5), 1000s);
    takes(c, 101ms), takes(c, 1ms), takes(c, 1ms), takes(c, 1ms);
    CHECK(c.state() == circuit_state::closed);
    takes(c, 101ms);
    CHECK(c.state() == circuit_state::closed); // 2 of 5
    takes(c, 101ms);
    CHECK(c.state() == circuit_state::open); // 3 of 6
    CHECK(c.circuit.log().entries[0].cause == transition_cause::slow_calls);
    CHECK(c.circuit.stats().slow_rate == 0.5);
    CHECK(c.circuit.stats().failure_rate == 0);
}

TEST_CASE_TEMPLATE("a success trips a circuit of slow calls by making up the minimum", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(4, 0.5), 1000s);
    takes(c, 101ms), takes(c, 101ms), takes(c, 1ms);
    CHECK(c.state() == circuit_state::closed);
    takes(c, 1ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a slow failure counts once as a call, as failed and as slow", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(10), 1000s);
    takes(c, 101ms, ending::failed);
    takes(c, 101ms);
    takes(c, 1ms, ending::failed);
    const auto s = c.circuit.stats();
    CHECK(s.window.calls == 3);
    CHECK(s.window.failed == 2);
    CHECK(s.window.slow == 2);
    CHECK(s.window.slow_failed == 1);
    CHECK(s.totals.calls == 3);
    CHECK(s.totals.failures == 2);
    CHECK(s.totals.slow == 2);
    CHECK(s.totals.successes == 1);
}

TEST_CASE_TEMPLATE("where both rates are reached the failures are the cause", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(2), 1000s);
    takes(c, 101ms, ending::failed), takes(c, 101ms, ending::failed);
    CHECK(c.state() == circuit_state::open);
    CHECK(c.circuit.log().entries[0].cause == transition_cause::failures);
}

TEST_CASE_TEMPLATE("a slow call that is ignored is not slow", L, ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(1), 1000s);
    for (int i = 0; i < 5; ++i)
        CHECK(takes(c, 1h, ending::ignored));
    CHECK(c.circuit.stats().totals.slow == 0);
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE_TEMPLATE("slow probes open a half-open circuit again, and are the cause in its log", L, ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(2);
    config.half_open_calls = 2;
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    takes(c, 100ms), takes(c, 100ms);
    CHECK(c.state() == circuit_state::closed);
    c.circuit.half_open();
    takes(c, 101ms);
    if (L::window::by_rate) {
        CHECK(c.state() == circuit_state::half_open);
        CHECK(c.circuit.stats().window.slow == 1);
        CHECK(c.circuit.stats().slow_rate == 1);
        takes(c, 101ms);
    }
    CHECK(c.state() == circuit_state::open);
    const keel::circuit_log log = c.circuit.log();
    CHECK(log.entries[log.size - 1].cause == transition_cause::slow_calls);
    CHECK(c.circuit.stats().totals.slow == (L::window::by_rate ? 2 : 1));
    c.clock.advance(10s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE_TEMPLATE("slow probes below their rate close a half-open circuit", L, BY_RATE_ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(4, 0.5);
    config.half_open_calls = 4;
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    takes(c, 101ms), takes(c, 1ms), takes(c, 1ms), takes(c, 1ms);
    CHECK(c.state() == circuit_state::closed);
    c.circuit.half_open();
    takes(c, 101ms), takes(c, 1ms), takes(c, 1ms), takes(c, 101ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a probe that fails slowly counts in both of its rates", L, BY_RATE_ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(3);
    config.half_open_calls = 3;
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    takes(c, 101ms, ending::failed);
    takes(c, 101ms);
    const auto s = c.circuit.stats();
    CHECK(s.window.calls == 2);
    CHECK(s.window.failed == 1);
    CHECK(s.window.slow == 2);
    CHECK(s.window.slow_failed == 1);
    CHECK(s.totals.failures == 1);
    CHECK(s.totals.successes == 1);
    CHECK(s.totals.slow == 2);
}

TEST_CASE("a slow call counts as a failure in a row, and does not end one") {
    support::hand_driven<consecutive_failures> c(slow_above_100ms<consecutive_failures>(3), 1000s);
    takes(c, 101ms), takes(c, 1ms, ending::failed), takes(c, 1ms);
    takes(c, 101ms), takes(c, 1ms, ending::failed);
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().window.failed == 2);
    takes(c, 101ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a call is not slow where there is no limit, however long it takes", L, ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(1);
    config.slow_call.longer_than = keel::never;
    typename L::circuit c(config, 1000s);
    for (int i = 0; i < 20; ++i)
        CHECK(takes(c, 24h * 365));
    CHECK(c.circuit.stats().totals.slow == 0);
    CHECK(c.state() == circuit_state::closed);
    c.circuit.half_open();
    CHECK(takes(c, 24h * 365));
    CHECK(c.circuit.stats().totals.slow == 0);
}

TEST_CASE_TEMPLATE("a call is not slow when the clock stands still or goes back meanwhile", L, ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(1), 1000s);
    for (const auto by : {0ns, -1ns, -1'000'000'000ns, -3'600'000'000'000ns})
        CHECK(takes(c, by));
    CHECK(c.circuit.stats().totals.slow == 0);
    CHECK(c.state() == circuit_state::closed);
}

TEST_CASE_TEMPLATE("the longest limit that may be set is exact too", L, ON_ALL_LANES) {
    auto config = slow_above_100ms<typename L::window>(1);
    config.slow_call.longer_than = keel::longest;
    typename L::circuit c(config, 1000s);
    CHECK(takes(c, keel::longest));
    CHECK(c.state() == circuit_state::closed);
    c.circuit.close();
    CHECK(takes(c, std::chrono::nanoseconds(keel::longest) + 1ns));
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("a circuit that only keeps metrics counts slow calls and does not open", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(slow_above_100ms<typename L::window>(1), 1000s);
    c.circuit.metrics_only();
    takes(c, 101ms), takes(c, 101ms), takes(c, 1ms);
    CHECK(c.state() == circuit_state::metrics_only);
    CHECK(c.circuit.stats().window.slow == 2);
    CHECK(c.circuit.stats().window.calls == 3);
}

TEST_CASE("a circuit that calls under way trip is open for its first period, as after any other trip") {
    using window = keel::basic_sliding_window<{.count_overdue = true}>;
    auto config = slow_above_100ms<window>(3);
    config.growth = {.factor = 7, .cap = 24h, .jitter = 0};
    support::hand_driven<window> c(config, 1000s);
    for (int i = 0; i < 3; ++i)
        REQUIRE(c.ask());
    c.clock.advance(1s);
    REQUIRE(!c.ask());
    REQUIRE(c.state() == circuit_state::open);
    c.clock.advance(10s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE("slow calls leave a count window with the calls after them") {
    auto config = slow_above_100ms<sliding_window>(2, 0.5);
    config.window.calls = 4;
    support::hand_driven<sliding_window> c(config, 1000s);
    takes(c, 1ms), takes(c, 1ms), takes(c, 1ms), takes(c, 101ms);
    CHECK(c.circuit.stats().window.slow == 1);
    for (int i = 0; i < 4; ++i)
        takes(c, 1ms);
    CHECK(c.circuit.stats().window.slow == 0);
    takes(c, 101ms);
    CHECK(c.state() == circuit_state::closed);
    takes(c, 101ms);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("slow calls leave a time window with their bucket") {
    auto config = slow_above_100ms<sliding_time_window>(2, 0.5);
    support::hand_driven<sliding_time_window> c(config, 1000s);
    takes(c, 1ms), takes(c, 1ms), takes(c, 101ms);
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

TEST_CASE("a circuit that does not count slow calls reads no clock on either lane, nor by hand") {
    const auto chain = keel::breaker<consecutive_failures>({.window = {.failures = 100}});
    keel::pipeline express{chain, counting_clock{}};
    keel::pipeline cold{support::cold_only{chain}, counting_clock{}};
    keel::circuit<consecutive_failures, counting_clock> by_hand({.window = {.failures = 100}});
    counting_clock::reads = 0;
    for (int i = 0; i < 10; ++i) {
        express(support::good), express(support::bad);
        cold(support::good), cold(support::bad);
        by_hand.try_acquire().success(), by_hand.try_acquire().failure();
        static_cast<void>(by_hand.try_acquire());
    }
    CHECK(counting_clock::reads == 0);
}

TEST_CASE("a circuit that counts slow calls reads the clock when a call begins and when it ends") {
    const auto chain =
        keel::breaker<consecutive_failures>({.window = {.failures = 100}, .slow_call = {.longer_than = 1s}});
    keel::pipeline express{chain, counting_clock{}};
    keel::pipeline cold{support::cold_only{chain}, counting_clock{}};
    keel::circuit<consecutive_failures, counting_clock> by_hand(
        {.window = {.failures = 100}, .slow_call = {.longer_than = 1s}});
    for (int i = 0; i < 10; ++i) {
        counting_clock::reads = 0;
        express(i % 2 == 0 ? support::good : support::bad);
        CHECK(counting_clock::reads == 2);
        cold(i % 2 == 0 ? support::good : support::bad);
        CHECK(counting_clock::reads == 4);
        by_hand.try_acquire().success();
        CHECK(counting_clock::reads == 6);
    }
}

TEST_CASE("a pipeline times each attempt inside its retries, without the waits between them") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10s}}) |
                         keel::breaker<sliding_window>({.slow_call = {.longer_than = 1s}}),
                     clock};
    const auto fails_in = [&](std::chrono::nanoseconds time) {
        return [&clock, time]() -> support::result {
            clock.advance(time);
            return support::bad();
        };
    };
    p(fails_in(1s));
    CHECK(p.circuit().stats().totals.failures == 3);
    CHECK(p.circuit().stats().totals.slow == 0);
    p(fails_in(1s + 1ns));
    CHECK(p.circuit().stats().totals.failures == 6);
    CHECK(p.circuit().stats().totals.slow == 3);
}

TEST_CASE("a circuit around retries times them all together") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<sliding_window>({.slow_call = {.longer_than = 10s}}) |
                         keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 5s}}),
                     clock};
    p(support::bad);
    CHECK(p.circuit().stats().totals.slow == 0); // exactly 10 s
    p([&]() -> support::result {
        clock.advance(1ns);
        return support::bad();
    });
    CHECK(p.circuit().stats().totals.slow == 1);
}

TEST_CASE("a shared circuit that counts slow calls makes its pipelines read the clock") {
    keel::manual_clock clock;
    keel::circuit<sliding_window, keel::manual_clock> shared({.slow_call = {.longer_than = 1s}}, clock);
    keel::pipeline express{keel::through(shared), clock};
    keel::pipeline cold{support::cold_only{keel::through(shared)}, clock};
    const auto slow = [&]() -> support::result {
        clock.advance(2s);
        return 1;
    };
    express(slow), cold(slow), express(support::good), cold(support::good);
    CHECK(shared.stats().totals.slow == 2);
    CHECK(shared.stats().totals.successes == 4);
}

TEST_CASE_TEMPLATE("a limit of slow calls is above 0 and at most 100 years, or none", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    using config = keel::breaker_config<W>;
    CHECK(config{}.slow_call.longer_than == keel::never);
    CHECK(config{}.slow_call.rate == 1);
    CHECK(wrong(config{.slow_call = {.longer_than = 1ns}}) == "");
    CHECK(wrong(config{.slow_call = {.longer_than = keel::longest}}) == "");
    CHECK(wrong(config{.slow_call = {.longer_than = keel::never}}) == "");
    CHECK(wrong(config{.slow_call = {.longer_than = 0ns}}) == "slow_call.longer_than");
    CHECK(wrong(config{.slow_call = {.longer_than = -1ns}}) == "slow_call.longer_than");
    CHECK(wrong(config{.slow_call = {.longer_than = std::chrono::nanoseconds(keel::longest) + 1ns}}) ==
          "slow_call.longer_than");
}

TEST_CASE_TEMPLATE("a rate of slow calls is above 0 and at most 1", W, sliding_window, sliding_time_window,
                   consecutive_failures) {
    using config = keel::breaker_config<W>;
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (const double rate : {0.0, -0.5, 1.0001, nan})
        CHECK(wrong(config{.slow_call = {.longer_than = 1s, .rate = rate}}) == "slow_call.rate");
    CHECK(wrong(config{.slow_call = {.longer_than = 1s, .rate = 1}}) == "");
    CHECK(wrong(config{.slow_call = {.longer_than = 1s, .rate = 0.5}}) == (W::by_rate ? "" : "slow_call.rate"));
}

TEST_CASE("an error about slow calls names the policy, the field, the value and the range") {
    CHECK(message([] { return keel::circuit<sliding_window>({.slow_call = {.longer_than = -5ns}}).state(); }) ==
          "keel: breaker.slow_call.longer_than = -5: must be above 0 and at most 100 years");
    CHECK(message([] { return keel::circuit<sliding_time_window>({.slow_call = {.rate = 1.5}}).state(); }) ==
          "keel: breaker.slow_call.rate = 1.5: must be above 0 and at most 1");
    CHECK(message([] { return keel::circuit<consecutive_failures>({.slow_call = {.rate = 0.5}}).state(); }) ==
          "keel: breaker.slow_call.rate = 0.5: must be 1: calls in a row have no rate, each slow one counts as a "
          "failure");
    CHECK(message([] {
              return keel::circuit<sliding_window>(
                         {.window = {.calls = 300}, .failure_rate = 0.5, .slow_call = {.longer_than = 1s}})
                  .state();
          }) == "keel: breaker.window.calls = 300: times slow_call.rate must be at most "
                "sliding_window_options::failures (256 by default): raise that");
    CHECK(message([] {
              return keel::circuit<sliding_window>({.window = {.calls = 300}, .failure_rate = 0.5}).state();
          }) == "accepted");
}
