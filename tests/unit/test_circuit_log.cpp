// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/circuit_states.hpp"
#include "support/lanes.hpp"

#include <keel/breaker.hpp>
#include <keel/circuit.hpp>
#include <keel/circuit_stats.hpp>
#include <keel/sync/atomics.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::sliding_window;
using keel::transition_cause;
using support::all_states;
using support::put_in;
using support::trips_at;

namespace {

using log_of_standard_atomics = keel::detail::transition_log<keel::std_atomics>;
keel::circuit_transition numbered(int n) {
    return {.at = keel::time_point(std::chrono::seconds(n)),
            .from = circuit_state::closed,
            .to = circuit_state::metrics_only,
            .cause = transition_cause::by_hand};
}

/// Lets a writer pause: before it looks at its entry, or before it stores the time; and a reader, before it loads that.
struct paused_atomics : keel::std_atomics {
    static inline void (*before_store)() = nullptr;
    static inline void (*before_load)() = nullptr;
    static inline void (*before_time)() = nullptr;
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        void store(T value, std::memory_order order) noexcept {
            if (before_store != nullptr && std::is_signed_v<T>) std::exchange(before_store, nullptr)();
            std::atomic<T>::store(value, order);
        }
        T load(std::memory_order order) const noexcept {
            if (before_load != nullptr) std::exchange(before_load, nullptr)();
            if (before_time != nullptr && std::is_signed_v<T>) std::exchange(before_time, nullptr)();
            return std::atomic<T>::load(order);
        }
    };
};
keel::detail::transition_log<paused_atomics>* interrupted = nullptr;
std::size_t entries_seen = 0;

} // namespace

TEST_CASE_TEMPLATE("a circuit's log names each transition in order, with its cause and its time", L, ON_ALL_LANES) {
    using enum circuit_state;
    auto c = L::make(2, 2);
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
        put_in(c, all_states[i % 6]);
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

TEST_CASE("a reader that is overtaken by a whole round leaves out what it has begun to read") {
    keel::detail::transition_log<paused_atomics> log;
    for (int i = 1; i <= 16; ++i)
        log.note(numbered(i));
    interrupted = &log;
    paused_atomics::before_time = [] {
        for (int i = 17; i <= 32; ++i)
            interrupted->note(numbered(i));
    };
    CHECK(log.read().size == 0);
    CHECK(log.read().size == 16);
}

TEST_CASE("a reader does not read what is noted after it began, in the place of what it has read") {
    keel::detail::transition_log<paused_atomics> log;
    for (int i = 1; i <= 16; ++i)
        log.note(numbered(i));
    interrupted = &log;
    paused_atomics::before_time = [] { paused_atomics::before_time = [] { interrupted->note(numbered(17)); }; };
    const keel::circuit_log seen = log.read();
    REQUIRE(seen.size == 16);
    CHECK(seen.entries[15].at == keel::time_point(16s));
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
