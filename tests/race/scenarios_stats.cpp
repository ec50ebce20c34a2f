// SPDX-License-Identifier: BSL-1.0

// What a circuit tells about itself while it is in use.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include <cstdint>

namespace race {
namespace {

using keel::circuit_state;
using in_a_row = keel::consecutive_failures;
using count_window = keel::basic_sliding_window<{.shards = 2, .failures = 4}>;
using time_window = keel::basic_sliding_time_window<{.shards = 1, .buckets = 4}>;
constexpr limits all{}, two{.preemptions = 2};

// A failure in the window has its call there.
struct failures_have_their_calls : world<time_window, 2> {
    failures_have_their_calls()
      : world(rated(time_window{.span = keel::nanos(40), .buckets = 4}, 63, 1.0)) {
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        const keel::window_counts in_it = it.stats().window;
        require(in_it.failed <= in_it.calls && in_it.calls <= 1, "more failures than calls in the window");
    }
    void check() { require_totals(); }
};

// Totals read while calls end: none more than have begun to end, none less than have ended.
struct totals_while_it_runs : world<in_a_row, 3> {
    totals_while_it_runs()
      : world(config_of(in_a_row{5}, 1)) {
        acquire(0);
        acquire(1);
    }
    void run(int i) {
        if (i == 2) {
            const keel::circuit_totals t = it.stats().totals;
            require(t.calls <= 2 && t.failures <= 1 && t.ignored <= 1, "a total exceeds what can have ended");
            require(t.successes <= 1 && t.late == 0 && t.rejected == 0, "a result is counted as another");
        } else if (i == 0) {
            failure(0);
        } else {
            drop(1);
        }
    }
    void check() { require_totals(); }
};

// The log's entry that is being replaced is read whole, old or new, or not at all.
struct log_is_not_torn {
    static constexpr int threads = 2;
    keel::detail::transition_log<checked_atomics> log;
    std::uint64_t ghost = 0;

    static keel::circuit_transition number(std::int64_t n) {
        return {keel::time_point(std::chrono::nanoseconds(n)), circuit_state(n % 2), circuit_state(n % 3),
                keel::transition_cause(n % 5)};
    }
    log_is_not_torn() {
        for (int n = 0; n < 16; ++n)
            log.note(number(n));
    }
    void run(int i) {
        if (i == 0) {
            log.note(number(16));
            log.note(number(17));
        } else {
            require_whole(log.read());
        }
    }
    void check() {
        require_whole(log.read());
        require(log.read().size == 16, "an entry is lost");
    }
    void require_whole(const keel::circuit_log& seen) const {
        std::int64_t last = -1;
        for (const keel::circuit_transition& t : seen) {
            const std::int64_t n = t.at.time_since_epoch().count();
            const keel::circuit_transition whole = number(n);
            require(n > last, "entries are not in order");
            require(t.from == whole.from && t.to == whole.to && t.cause == whole.cause, "an entry is torn");
            last = n;
        }
    }
};

// A failure in the count window has its call there.
struct rate_is_at_most_one : world<count_window, 2> {
    rate_is_at_most_one()
      : world(rated(count_window{.calls = 4}, 4, 1.0)) {
        acquire(0);
        failure(0);
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        const keel::circuit_stats told = it.stats();
        require(told.failure_rate <= 1, "a failure rate above 1");
    }
    void check() { require_totals(); }
};

// Who sees the failure sees the call that it was, and does not take another one, which succeeded, for it.
struct failures_are_among_calls : world<in_a_row, 2> {
    failures_are_among_calls()
      : world(config_of(in_a_row{5}, 1)) {
        acquire(0);
        success(0);
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        require(it.stats().totals.successes >= 1, "a success is taken for a failure");
    }
    void check() { require_totals(); }
};

// A call is recorded before it is known as failed. Until then it is a success: at most the calls in flight are.
struct failure_is_a_success_at_first : world<in_a_row, 2> {
    failure_is_a_success_at_first()
      : world(config_of(in_a_row{5}, 1)) {
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        const keel::circuit_totals t = it.stats().totals;
        require(t.successes + t.failures <= 1, "more successes that nobody reported than calls in flight");
    }
    void check() { require_totals(); }
};

// A bucket starts over before what it held is added to the rest. In between the total is less by that, and no more.
struct total_misses_one_bucket : world<time_window, 2> {
    total_misses_one_bucket()
      : world(rated(time_window{.span = keel::nanos(20), .buckets = 2}, 63, 1.0)) {
        for (int i = 0; i < 5; ++i) {
            acquire(0);
            success(0);
            if (i == 1 || i == 4) advance(10);
        }
        acquire(0); // into the bucket of the first two
    }
    void run(int i) {
        if (i == 0) return success(0);
        const std::uint64_t calls = it.stats().totals.calls;
        require(calls >= 3, "the total misses more than the bucket that starts over");
        require(calls <= 6, "the total counts a call twice");
    }
    void check() { require_totals(); }
};

// A transition is noted after it was made: two can change places in the log, but none is lost or twice, and each has
// its time.
struct log_holds_each_transition : world<in_a_row, 2> {
    log_holds_each_transition()
      : world(config_of(in_a_row{1}, 2)) {
        trip_and_wait();
    }
    void run(int i) {
        if (!acquire(i) || i == 0) return;
        advance(1);
        failure(1);
    }
    void check() {
        require(it.log().size == 2 + ghost.failures - 1, "a transition is lost, or noted twice");
        std::int64_t began = 0, ended = 1000 + open_for + 1;
        for (const keel::circuit_transition& t : it.log()) {
            if (t.to == circuit_state::half_open) began = t.at.time_since_epoch().count();
            if (t.from == circuit_state::half_open) ended = t.at.time_since_epoch().count();
        }
        require(began >= 1000 + open_for && began <= ended && ended == 1000 + open_for + 1,
                "a transition's time is wrong");
        require_exact_opening();
    }
};

// A writer that sleeps while others fill the log wakes up in an entry that is no longer its own: it writes none.
struct log_is_not_torn_by_a_lapped_writer : log_is_not_torn {
    void run(int i) {
        if (i == 0) return log.note(number(16));
        for (int n = 17; n < 33; ++n)
            log.note(number(n));
        for (const keel::circuit_transition& t : log.read()) {
            const keel::circuit_transition whole = number(t.at.time_since_epoch().count());
            require(t.from == whole.from && t.to == whole.to && t.cause == whole.cause, "an entry is torn");
        }
    }
    void check() {}
};

} // namespace

scenario_list stats_scenarios() {
    return {
        {"failures_have_their_calls", all, explore_one<failures_have_their_calls>},
        {"rate_is_at_most_one", all, explore_one<rate_is_at_most_one>},
        {"failures_are_among_calls", all, explore_one<failures_are_among_calls>},
        {"failure_is_a_success_at_first", all, explore_one<failure_is_a_success_at_first>},
        {"total_misses_one_bucket", all, explore_one<total_misses_one_bucket>},
        {"totals_while_it_runs", all, explore_one<totals_while_it_runs>},
        {"log_is_not_torn", all, explore_one<log_is_not_torn>},
        {"log_is_not_torn_by_a_lapped_writer", two, explore_one<log_is_not_torn_by_a_lapped_writer>},
        {"log_holds_each_transition", all, explore_one<log_holds_each_transition>},
    };
}

} // namespace race
