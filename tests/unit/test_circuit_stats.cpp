// SPDX-License-Identifier: BSL-1.0
#include "support/hand_driven.hpp"
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/circuit.hpp>
#include <keel/circuit_stats.hpp>
#include <keel/pipeline.hpp>
#include <keel/sync/atomics.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

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
#define BY_RATE_ON_ALL_LANES                                                                                           \
    on_lane<sliding_window, true>, on_lane<sliding_window, false>, on_lane<sliding_time_window, true>,                 \
        on_lane<sliding_time_window, false>
#define ON_ALL_LANES BY_RATE_ON_ALL_LANES, on_lane<consecutive_failures, true>, on_lane<consecutive_failures, false>

/// `failures` and no success trip it for 10 s; two probes.
template <class Window>
keel::breaker_config<Window> trips_at(int failures) {
    keel::breaker_config<Window> c{};
    if constexpr (Window::by_rate) {
        c.failure_rate = 1;
        c.minimum_calls = failures;
    } else {
        c.window.failures = failures;
    }
    c.open_for = 10s;
    c.half_open_calls = 2;
    c.growth.jitter = 0;
    return c;
}
template <class Circuit>
void by_hand(Circuit& c, circuit_state s) {
    switch (s) {
    case circuit_state::closed:
        return c.close();
    case circuit_state::open:
        return c.open();
    case circuit_state::half_open:
        return c.half_open();
    case circuit_state::forced_open:
        return c.force_open();
    case circuit_state::disabled:
        return c.disable();
    case circuit_state::metrics_only:
        return c.metrics_only();
    }
}
constexpr circuit_state all_states[] = {circuit_state::closed,    circuit_state::open,
                                        circuit_state::half_open, circuit_state::forced_open,
                                        circuit_state::disabled,  circuit_state::metrics_only};

static_assert(keel::circuit_stats{}.rejected == 0 && keel::circuit_stats{}.overdue == 0);

void check_zero(const keel::circuit_totals& t) {
    CHECK(t.calls == 0);
    CHECK(t.successes == 0);
    CHECK(t.failures == 0);
    CHECK(t.ignored == 0);
    CHECK(t.slow == 0);
    CHECK(t.late == 0);
    CHECK(t.rejected == 0);
    CHECK(t.opens == 0);
}
bool add_up(const keel::circuit_totals& t) { return t.calls == t.successes + t.failures + t.ignored + t.late; }

/// A clock that stands where the test says, also before its epoch, and that may be made in constant evaluation.
struct told_clock {
    static inline std::int64_t time = 0;
    keel::time_point now() const noexcept { return keel::time_point(std::chrono::nanoseconds(time)); }
    void sleep_until(keel::time_point) const noexcept {}
};
constinit keel::circuit<sliding_window, told_clock> static_circuit;

using log_of_standard_atomics = keel::detail::transition_log<keel::std_atomics>;
keel::circuit_transition numbered(int n) {
    return {.at = keel::time_point(std::chrono::seconds(n)),
            .from = circuit_state::closed,
            .to = circuit_state::metrics_only,
            .cause = transition_cause::by_hand};
}

/// Lets a writer pause: before it looks at its entry, or before it stores the time.
struct paused_atomics : keel::std_atomics {
    static inline void (*before_store)() = nullptr;
    static inline void (*before_load)() = nullptr;
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        void store(T value, std::memory_order order) noexcept {
            if (before_store != nullptr && std::is_signed_v<T>) std::exchange(before_store, nullptr)();
            std::atomic<T>::store(value, order);
        }
        T load(std::memory_order order) const noexcept {
            if (before_load != nullptr) std::exchange(before_load, nullptr)();
            return std::atomic<T>::load(order);
        }
    };
};
keel::detail::transition_log<paused_atomics>* interrupted = nullptr;
std::size_t entries_seen = 0;

} // namespace

TEST_CASE_TEMPLATE("a circuit that was just made has counted nothing", L, ON_ALL_LANES) {
    const typename L::circuit c(trips_at<typename L::window>(2));
    const keel::circuit_stats s = c.circuit.stats();
    CHECK(s.state == circuit_state::closed);
    CHECK(s.since == keel::time_point(0s));
    CHECK(s.window.calls == 0);
    CHECK(s.failure_rate == 0);
    CHECK(s.slow_rate == 0);
    CHECK(s.rejected == 0);
    CHECK(s.overdue == 0);
    check_zero(s.totals);
    CHECK(c.circuit.log().size == 0);
}

TEST_CASE_TEMPLATE("the rates of an empty window are 0 in every state", L, ON_ALL_LANES) {
    for (const circuit_state state : all_states) {
        typename L::circuit c(trips_at<typename L::window>(2), 1000s);
        by_hand(c.circuit, state);
        const keel::circuit_stats s = c.circuit.stats();
        CHECK(s.state == state);
        CHECK(s.window.calls == 0);
        CHECK(s.window.failed == 0);
        CHECK(s.window.slow == 0);
        CHECK(s.failure_rate == 0);
        CHECK(s.slow_rate == 0);
    }
}

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
    typename L::circuit c(trips_at<typename L::window>(2), 1000s);
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

TEST_CASE("a window of failures in a row counts failures and what it sees of successes") {
    support::hand_driven<consecutive_failures> c(trips_at<consecutive_failures>(5), 1000s);
    c.fail(), c.fail();
    CHECK(c.circuit.stats().window.calls == 2);
    CHECK(c.circuit.stats().window.failed == 2);
    CHECK(c.circuit.stats().failure_rate == 1);
    c.succeed();
    CHECK(c.circuit.stats().window.calls == 0);
    CHECK(c.circuit.stats().failure_rate == 0);
    CHECK(c.circuit.stats().totals.failures == 2);
    CHECK(c.circuit.stats().totals.successes == 1);
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
    typename L::circuit c(trips_at<typename L::window>(50), 1000s);
    c.succeed(), c.fail();
    for (const circuit_state state : all_states)
        by_hand(c.circuit, state);
    CHECK(c.circuit.stats().totals.calls == 2);
    CHECK(c.circuit.stats().totals.successes == 1);
    CHECK(c.circuit.stats().totals.failures == 1);
}

TEST_CASE_TEMPLATE("a call that ends after a reset is late in the new totals", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(trips_at<typename L::window>(50), 1000s);
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

TEST_CASE_TEMPLATE("the time since the last transition is right before the clock's epoch too", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    told_clock::time = keel::nanos(-1000s).count;
    keel::circuit<W, told_clock> c(trips_at<W>(1));
    CHECK(c.stats().since == keel::time_point(-1000s));
    told_clock::time = keel::nanos(-900s).count;
    c.try_acquire().failure();
    CHECK(c.state() == circuit_state::open);
    CHECK(c.stats().since == keel::time_point(-900s));
    CHECK(c.stats().window.failed == 1);
    told_clock::time = keel::nanos(-890s).count;
    CHECK(c.try_acquire());
    CHECK(c.stats().since == keel::time_point(-890s));
    CHECK(c.log().entries[0].at == keel::time_point(-900s));
    CHECK(c.log().entries[1].at == keel::time_point(-890s));
}

TEST_CASE("a circuit that was made before the program began says so, until its first transition") {
    told_clock::time = 5;
    CHECK(static_circuit.stats().since == keel::time_point::min());
    static_circuit.close();
    CHECK(static_circuit.stats().since == keel::time_point(5ns));
}

TEST_CASE_TEMPLATE("the time since which a state holds is that of the last transition, and not of the last call", L,
                   ON_ALL_LANES) {
    typename L::circuit c(trips_at<typename L::window>(2), 1000s);
    CHECK(c.circuit.stats().since == keel::time_point(0s)); // before the clock was set
    c.fail();
    c.clock.advance(1s);
    c.fail();
    CHECK(c.circuit.stats().since == keel::time_point(1001s));
    c.clock.advance(4s);
    c.ask();
    CHECK(c.circuit.stats().since == keel::time_point(1001s));
    c.clock.advance(6s);
    c.succeed();
    CHECK(c.circuit.stats().since == keel::time_point(1011s));
    c.clock.advance(1s);
    c.succeed();
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().since == keel::time_point(1012s));
}

TEST_CASE_TEMPLATE("rejections are counted since the last transition, and altogether", L, ON_ALL_LANES) {
    typename L::circuit c(trips_at<typename L::window>(1), 1000s);
    c.fail();
    c.ask(), c.ask();
    CHECK(c.refuses());
    CHECK(c.circuit.stats().rejected == 3);
    CHECK(c.circuit.stats().totals.rejected == 3);
    c.clock.advance(10s);
    const auto first = c.ask(), second = c.ask();
    CHECK(second);
    CHECK(c.circuit.stats().rejected == 0);
    c.ask();
    CHECK(c.circuit.stats().rejected == 1);
    CHECK(c.circuit.stats().totals.rejected == 4);
    c.succeed(*first), c.succeed(*second);
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().rejected == 0);
    c.circuit.force_open();
    c.ask();
    CHECK(c.circuit.stats().rejected == 1);
    CHECK(c.circuit.stats().totals.rejected == 5);
    c.circuit.force_open();
    CHECK(c.circuit.stats().rejected == 0);
    CHECK(c.circuit.stats().totals.rejected == 5);
}

TEST_CASE_TEMPLATE("every way to open counts as one opening, and no other transition does", L, ON_ALL_LANES) {
    typename L::circuit c(trips_at<typename L::window>(2), 1000s);
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

TEST_CASE_TEMPLATE("a circuit shows what its window holds in each state", L, BY_RATE_ON_ALL_LANES) {
    typename L::circuit c(trips_at<typename L::window>(2), 1000s);
    const auto shows = [&](std::uint64_t calls, std::uint64_t failed) {
        const keel::circuit_stats s = c.circuit.stats();
        CHECK(s.window.calls == calls);
        CHECK(s.window.failed == failed);
        CHECK(s.failure_rate == (calls == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(calls)));
    };
    c.fail();
    shows(1, 1);
    c.fail();
    REQUIRE(c.state() == circuit_state::open);
    shows(2, 2); // what tripped it
    c.clock.advance(10s);
    const auto p = c.ask();
    REQUIRE(c.state() == circuit_state::half_open);
    shows(0, 0); // of probes
    c.succeed();
    shows(1, 0);
    c.fail(*p);
    REQUIRE(c.state() == circuit_state::closed);
    shows(0, 0);
    c.succeed(), c.fail();
    shows(2, 1);
    c.circuit.metrics_only();
    shows(0, 0);
    c.fail(), c.fail(), c.fail(), c.succeed();
    shows(4, 3);
    c.circuit.disable();
    c.fail();
    shows(0, 0);
    c.circuit.force_open();
    shows(0, 0);
    c.circuit.open();
    shows(0, 0);
}

TEST_CASE_TEMPLATE("failed probes of a half-open circuit are shown with their rate", L, BY_RATE_ON_ALL_LANES) {
    auto config = trips_at<typename L::window>(4);
    config.half_open_calls = 4;
    typename L::circuit c(config, 1000s);
    c.circuit.half_open();
    c.fail(), c.succeed(), c.fail();
    const keel::circuit_stats s = c.circuit.stats();
    CHECK(s.window.calls == 3);
    CHECK(s.window.failed == 2);
    CHECK(s.failure_rate == 2.0 / 3.0);
}

TEST_CASE_TEMPLATE("a circuit's log names each transition in order, with its cause and its time", L, ON_ALL_LANES) {
    using enum circuit_state;
    typename L::circuit c(trips_at<typename L::window>(2), 1000s);
    c.fail(), c.fail();
    c.clock.advance(10s);
    c.fail(), c.fail();
    c.clock.advance(10s);
    c.succeed();
    c.clock.advance(1s);
    c.succeed();
    c.circuit.disable();
    c.circuit.reset();
    const keel::circuit_transition expected[] = {
        {keel::time_point(1000s), closed, open, transition_cause::failures},
        {keel::time_point(1010s), open, half_open, transition_cause::open_period_over},
        {keel::time_point(1010s), half_open, open, transition_cause::failures},
        {keel::time_point(1020s), open, half_open, transition_cause::open_period_over},
        {keel::time_point(1021s), half_open, closed, transition_cause::probes_succeeded},
        {keel::time_point(1021s), closed, disabled, transition_cause::by_hand},
        {keel::time_point(1021s), disabled, closed, transition_cause::by_hand},
    };
    const keel::circuit_log log = c.circuit.log();
    REQUIRE(log.size == std::size(expected));
    for (std::size_t i = 0; i < log.size; ++i) {
        CAPTURE(i);
        CHECK(log.entries[i].at == expected[i].at);
        CHECK(log.entries[i].from == expected[i].from);
        CHECK(log.entries[i].to == expected[i].to);
        CHECK(log.entries[i].cause == expected[i].cause);
    }
}

TEST_CASE_TEMPLATE("a circuit's log keeps the last sixteen transitions", W, sliding_window, consecutive_failures) {
    static_assert(keel::circuit_log::capacity == 16);
    keel::manual_clock clock;
    keel::circuit<W, keel::manual_clock> c(trips_at<W>(1), clock);
    for (int i = 1; i <= 100; ++i) {
        clock.advance(1s);
        by_hand(c, all_states[i % 6]);
        const keel::circuit_log log = c.log();
        REQUIRE(log.size == static_cast<std::size_t>(std::min(i, 16)));
        int n = i - static_cast<int>(log.size);
        for (const keel::circuit_transition& t : log) {
            ++n;
            REQUIRE(t.at == keel::time_point(std::chrono::seconds(n)));
            REQUIRE(t.to == all_states[n % 6]);
            REQUIRE(t.from == all_states[(n - 1) % 6]);
        }
    }
}

TEST_CASE("a log that is read while one is being written leaves that entry out") {
    keel::detail::transition_log<paused_atomics> log;
    for (int i = 1; i <= 16; ++i)
        log.note(numbered(i));
    interrupted = &log;
    paused_atomics::before_store = [] { entries_seen = interrupted->read().size; };
    log.note(numbered(17));
    CHECK(entries_seen == 15);
    CHECK(log.read().size == 16);
    CHECK(log.read().entries[15].at == keel::time_point(17s));
}

TEST_CASE(
    "a writer that is overtaken by a whole round leaves the later entry alone, and one that finds a writer gives up") {
    keel::detail::transition_log<paused_atomics> log;
    interrupted = &log;
    // While the first is being written, sixteen more are: the last of them would take the same place.
    paused_atomics::before_store = [] {
        for (int i = 2; i <= 17; ++i)
            interrupted->note(numbered(i));
    };
    log.note(numbered(1));
    const keel::circuit_log seen = log.read();
    CHECK(seen.size == 15); // the seventeenth gave up its note, and the first is too old to be read
    for (std::size_t i = 0; i < seen.size; ++i)
        CHECK(seen.entries[i].at == keel::time_point(std::chrono::seconds(i + 2)));
    log.note(numbered(18));
    CHECK(log.read().size == 15);
    for (int i = 19; i <= 33; ++i)
        log.note(numbered(i));
    CHECK(log.read().size == 16);
}

TEST_CASE("a writer that has not begun when it is overtaken by a whole round leaves the later entry alone") {
    keel::detail::transition_log<paused_atomics> log;
    interrupted = &log;
    paused_atomics::before_load = [] {
        for (int i = 2; i <= 17; ++i)
            interrupted->note(numbered(i));
    };
    log.note(numbered(1));
    const keel::circuit_log seen = log.read();
    REQUIRE(seen.size == 16);
    for (std::size_t i = 0; i < seen.size; ++i)
        CHECK(seen.entries[i].at == keel::time_point(std::chrono::seconds(i + 2)));
}

TEST_CASE("a log that is read while it is written holds only entries that were written, in order") {
    log_of_standard_atomics log;
    std::vector<std::jthread> running;
    for (int t = 0; t < 3; ++t) {
        running.emplace_back([&, t] {
            for (int i = 0; i < 3000; ++i) {
                const int n = i * 3 + t + 1;
                const auto from = all_states[n % 6], to = all_states[(n / 6) % 6];
                log.note({keel::time_point(std::chrono::nanoseconds(n)), from, to, transition_cause::by_hand});
            }
        });
    }
    bool whole = true;
    for (int i = 0; i < 2000; ++i) {
        for (const keel::circuit_transition& t : log.read()) {
            const auto n = t.at.time_since_epoch().count();
            whole = whole && t.from == all_states[n % 6] && t.to == all_states[(n / 6) % 6] &&
                    t.cause == transition_cause::by_hand;
        }
    }
    running.clear();
    CHECK(whole);
    CHECK(log.read().size >= 1);
    CHECK(log.read().size <= 16);
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
