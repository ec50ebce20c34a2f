// SPDX-License-Identifier: BSL-1.0

// Calls in flight that are overdue, where a window counts them.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include <cstdint>

namespace race {
namespace {

using keel::circuit_state;
using window = keel::basic_sliding_window<{.shards = 2, .failures = 4, .count_overdue = true}>;
constexpr limits all{}, two{.preemptions = 2};
constexpr std::int64_t limit = 8, late = limit + 2; // one is a bucket; so many later the ring of them is at its start

constexpr auto config(int minimum) {
    auto c = rated(window{.calls = 4}, minimum, 1.0);
    c.slow_call.longer_than = keel::nanos(limit);
    return c;
}

// Two calls hang, and whoever comes next finds that: it trips, once, though nothing has ended. What a bucket that just
// starts over held can be missed for that one, and is found by the first call of the next: an eighth of the limit.
struct hung_calls_trip : world<window, 2> {
    hung_calls_trip()
      : world(config(2)) {
        acquire(2);
        acquire(3);
        advance(late);
    }
    void run(int i) { acquire(i); }
    void check() {
        if (it.state() == circuit_state::closed) {
            advance(1);
            acquire(0);
        }
        require(it.state() == circuit_state::open, "hung calls do not trip it by the next bucket");
        require(it.stats().totals.opens == 1, "it did not open once");
        require_exact_opening();
    }
};

// A bucket that starts over hands what it held to the rest: that is never seen in both.
struct overdue_is_not_seen_twice : world<window, 2> {
    overdue_is_not_seen_twice()
      : world(config(63)) {
        acquire(2);
        advance(late);
    }
    void run(int i) {
        if (i == 0)
            acquire(0);
        else
            require(it.stats().overdue <= 1, "more calls are overdue than are under way");
    }
    void check() { require(it.stats().overdue == 1, "an overdue call is lost"); }
};

// The same in the shard that threads share.
struct overdue_is_not_seen_twice_shared : world<window, 3> {
    overdue_is_not_seen_twice_shared()
      : world(config(63)) {}
    void run(int i) {
        if (i == 2) {
            acquire(2);
            advance(late);
            acquire(3);
        } else if (i == 0) {
            require(it.stats().overdue <= 1, "more calls are overdue than are under way");
        }
    }
    void check() { require(it.stats().overdue == 1, "an overdue call is lost"); }
};

// Calls end on other threads than they began on: whatever comes first, none is left over.
struct calls_that_change_threads : world<window, 3> {
    calls_that_change_threads()
      : world(config(63)) {
        acquire(3);
        acquire(4);
    }
    void run(int i) {
        if (i < 2) {
            success(3 + i);
            return;
        }
        advance(late);
        if (acquire(2)) success(2);
    }
    void check() {
        advance(2 * late);
        require(it.stats().overdue == 0, "a call that has ended is overdue");
        require_totals();
    }
};

} // namespace

scenario_list overdue_scenarios() {
    return {
        {"hung_calls_trip", all, explore_one<hung_calls_trip>},
        {"overdue_is_not_seen_twice", all, explore_one<overdue_is_not_seen_twice>},
        {"overdue_is_not_seen_twice_shared", two, explore_one<overdue_is_not_seen_twice_shared>},
        {"calls_that_change_threads", two, explore_one<calls_that_change_threads>},
    };
}

} // namespace race
