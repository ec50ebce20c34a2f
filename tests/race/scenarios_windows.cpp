// SPDX-License-Identifier: BSL-1.0

// What windows hold, and that no trip is lost.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include <cstdint>

namespace race {
namespace {

using keel::circuit_state;
using count_window = keel::basic_sliding_window<{.shards = 2, .failures = 4}>;
using time_window = keel::basic_sliding_time_window<{.shards = 1, .buckets = 4}>;
constexpr limits all{}, two{.preemptions = 2}, once_spurious{.spurious = 1};

template <class Window>
constexpr Window window_of() {
    if constexpr (requires(Window w) { w.span; })
        return {.span = keel::nanos(40), .buckets = 4};
    else
        return {.calls = 4};
}

// Two failures at once: each may miss the other's place in the ring, but not both.
template <class Window, int Threads>
struct concurrent_failures_trip : world<Window, Threads> {
    concurrent_failures_trip()
      : world<Window, Threads>(rated(window_of<Window>(), Threads, 1.0)) {}
    void run(int i) {
        this->acquire(i);
        this->failure(i);
    }
    void check() {
        require(this->it.state() == circuit_state::open, "the trip is lost");
        require(this->it.stats().totals.opens == 1, "it did not open once");
        const auto in_it = this->it.stats().window;
        require(in_it.calls == Threads && in_it.failed == Threads, "the window does not hold what was recorded");
        this->require_totals();
        this->require_exact_opening();
    }
};

// The same with a success beside them, in the order that each likes: 2 of 3 trip it, as do 2 of 2.
struct failures_trip_beside_a_success : world<count_window, 3> {
    failures_trip_beside_a_success()
      : world(rated(count_window{.calls = 4}, 2, 0.6)) {}
    void run(int i) {
        if (!acquire(i)) return;
        if (i == 1)
            success(i);
        else
            failure(i);
    }
    void check() {
        require(it.state() == circuit_state::open, "the trip is lost");
        require_totals();
    }
};

// Full window, one failure from tripping; what leaves it is exactly the oldest.
struct count_window_is_exact : world<count_window, 2> {
    count_window_is_exact()
      : world(rated(count_window{.calls = 2}, 2, 1.0)) {
        acquire(0);
        failure(0);
        acquire(0);
        success(0);
    }
    void run(int i) { // failure, success, then: failure and success, in any order
        acquire(i);
        if (i == 0)
            failure(i);
        else
            success(i);
    }
    void check() {
        const auto in_it = it.stats().window;
        require(it.state() == circuit_state::closed, "it tripped on what had left the window");
        require(in_it.calls == 2 && in_it.failed == 1, "the window does not hold the last two");
        acquire(0);
        success(0);
        acquire(0);
        success(0);
        require(it.stats().window.failed == 0, "a failure did not leave the window");
        require_totals();
    }
};

// Closed by a probe, the window starts over: nobody in the new generation finds what was counted before it. One thread
// calls as pipelines do, without acquiring anything before it settles; one reads the statistics.
struct window_starts_over : world<count_window, 3> {
    window_starts_over()
      : world(rated(count_window{.calls = 4}, 2, 0.5)) {
        trip_and_wait();
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return success(0);
        if (i == 1) {
            const keel::circuit_stats s = it.stats();
            require(s.state != circuit_state::closed || s.window.failed == 0,
                    "the statistics hold an earlier generation's");
            return;
        }
        if (express()) ++ghost.other[0];
    }
    void check() {
        require(it.state() == circuit_state::closed, "a success tripped it on an earlier generation's failures");
        require(it.stats().window.calls <= ghost.other[0], "the window did not start over");
    }
};

// Whoever completes the minimum of calls, a success too, sees all that is recorded: `Failures` of `Threads` trip it.
template <class Window, int Threads, int Failures>
struct minimum_is_judged : world<Window, Threads> {
    minimum_is_judged()
      : world<Window, Threads>(rated(window_of<Window>(), Threads, (Failures - 0.5) / Threads)) {
        for (int i = 0; i < Threads; ++i)
            this->acquire(i);
    }
    void run(int i) {
        if (i < Failures)
            this->failure(i);
        else
            this->success(i);
    }
    void check() {
        require(this->it.state() == circuit_state::open, "the trip is lost");
        require(this->it.stats().totals.opens == 1, "it did not open once");
    }
};

// Slow calls trip it as failures do.
struct slow_calls_trip : world<count_window, 2> {
    static constexpr auto config() {
        auto c = rated(count_window{.calls = 4}, 2, 1.0);
        c.slow_call.longer_than = keel::nanos(5);
        return c;
    }
    slow_calls_trip()
      : world(config()) {
        acquire(0);
        acquire(1);
        advance(6);
    }
    void run(int i) { success(i); }
    void check() {
        require(it.state() == circuit_state::open, "the trip is lost");
        require(it.stats().totals.slow == 2 && it.stats().window.slow == 2, "slow calls are not counted");
    }
};

// Successes on the express lane are seen late, which can make the rate higher and never lower: the trip comes.
struct express_lane_beside_failures : world<count_window, 2> {
    express_lane_beside_failures()
      : world(rated(count_window{.calls = 4}, 1, 0.5)) {
        acquire(0);
        success(0);
        acquire(1);
    }
    void run(int i) {
        if (i == 1) {
            failure(1);
            if (acquire(1)) failure(1);
            return;
        }
        express();
    }
    void check() { require(it.state() == circuit_state::open, "the trip is lost"); }
};

// A failure in the new generation has its place in the window, though its thread was not told of the calls before that
// but by the word. It calls as pipelines do.
struct failure_after_the_start_counts : world<count_window, 2> {
    failure_after_the_start_counts()
      : world(rated(count_window{.calls = 4}, 2, 1.0)) {}
    void run(int i) {
        if (i == 0) {
            for (int n = 0; n < 2; ++n)
                if (acquire(0)) failure(0);
            advance(open_for);
            if (acquire(0)) success(0);
            return;
        }
        ghost.other[0] = express(keel::ending::failed).value_or(0) != 0;
    }
    void check() {
        if (ghost.other[0] == 0) return;
        const auto in_it = it.stats().window;
        require(in_it.calls == 1 && in_it.failed == 1, "a failure is not in its window");
    }
};

// One of four has failed, whatever comes when: who sees the failure sees the calls before it, and does not trip it.
template <class Window>
struct failures_count_with_their_calls : world<Window, 2> {
    failures_count_with_their_calls()
      : world<Window, 2>(rated(window_of<Window>(), 1, 0.4)) {
        this->acquire(0), this->success(0);
        this->acquire(1);
        this->acquire(2);
    }
    void run(int i) {
        if (i == 1) return this->success(1);
        this->express();
        this->express();
        this->failure(2);
    }
    void check() {
        require(this->it.state() == circuit_state::closed, "failures are judged without their calls");
        this->require_totals();
    }
};

// Every second call fails, and never two in a row: but the place that is looked up may be taken by a later failure.
struct overtaken_look_up : world<keel::basic_sliding_window<{.shards = 2, .failures = 2}>, 2> {
    overtaken_look_up()
      : world(rated(keel::basic_sliding_window<{.shards = 2, .failures = 2}>{.calls = 2}, 2, 1.0)) {
        acquire(0), success(0);
        acquire(0), failure(0);
        acquire(0), success(0);
        acquire(1);
    }
    void run(int i) {
        if (i == 1) return success(1);
        for (int n = 0; n < 3 && acquire(0); ++n) {
            failure(0);
            express();
        }
    }
    void check() { require(it.state() == circuit_state::closed, "a later failure is taken for an earlier one"); }
};

// A failure that is being recorded when the window starts over is in the new one: at most the calls in flight, until
// they leave it as any other.
struct old_results_are_those_in_flight : world<count_window, 2> {
    old_results_are_those_in_flight()
      : world(rated(count_window{.calls = 4}, 4, 1.0)) {
        acquire(0);
        failure(0);
        acquire(0);
    }
    void run(int i) {
        if (i == 0)
            failure(0);
        else
            it.close();
    }
    void check() {
        const auto in_it = it.stats().window;
        require(in_it.calls <= 1 && in_it.failed <= in_it.calls, "more of an earlier generation than was in flight");
        require(it.state() == circuit_state::closed, "an earlier generation trips it");
        for (int n = 0; n < 4; ++n)
            acquire(0), success(0);
        require(it.stats().window.calls == 4 && it.stats().window.failed == 0, "an old failure stays in the window");
    }
};

// The edge of a bucket, between and beside what two threads record; then the time at which each leaves the window.
template <std::int64_t At>
struct buckets_turn_over : world<time_window, 2> {
    static constexpr std::int64_t length = 10, span = 20; // two buckets: epochs 100, 101 ... share them by turns
    buckets_turn_over()
      : world(rated(time_window{.span = keel::nanos(span), .buckets = 2}, 63, 1.0)) {
        acquire(0);
        failure(0); // in epoch 100
        advance(At);
    }
    void run(int i) {
        if (i == 1) advance(1);
        acquire(i);
        ghost.other[2 * i] = static_cast<std::uint64_t>(now()); // no earlier than this ...
        failure(i);
        ghost.other[2 * i + 1] = static_cast<std::uint64_t>(now()); // ... and no later is it recorded
        boundary(3, 0);
    }
    void check() {
        require_totals();
        // What of the two and of the first (at 1000) must be, and can be, in the window of `at`.
        for (std::int64_t at = now(); at <= 1000 + At + 1 + span; advance(1), at = now()) {
            const auto number = [](std::uint64_t t) { return static_cast<std::int64_t>(t) / length; };
            const std::int64_t oldest = at / length - span / length + 1;
            const std::uint64_t first = 100 >= oldest;
            std::uint64_t least = first, most = first;
            for (int i = 0; i < 2; ++i) {
                least += number(ghost.other[2 * i]) >= oldest;
                most += number(ghost.other[2 * i + 1]) >= oldest;
            }
            const auto in_it = it.stats().window;
            require(in_it.failed >= least && in_it.failed <= most, "failures in the window are not those of its span");
            require(in_it.calls == in_it.failed, "calls and failures leave the window at different times");
        }
    }
};

// A thread that read the clock two buckets ago records into a bucket that has turned over: its result is lost, as it
// must be, and nothing else is.
struct late_thread_rewinds_nothing : world<time_window, 2> {
    late_thread_rewinds_nothing()
      : world(rated(time_window{.span = keel::nanos(20), .buckets = 2}, 63, 1.0)) {
        acquire(0);
        acquire(1);
    }
    void run(int i) {
        if (i == 1) advance(20); // from epoch 100 to 102, in the same bucket
        failure(i);
    }
    void check() {
        require_totals();
        const auto in_it = it.stats().window;
        require(in_it.failed >= 1 && in_it.failed <= 2, "a late result took the place of a newer one");
        require(in_it.calls >= 1 && in_it.calls <= 2, "a late call took the place of a newer one");
    }
};

// Starting over in a bucket forgets what it holds so far, and no more.
struct time_window_starts_over : world<time_window, 3> {
    time_window_starts_over()
      : world(rated(time_window{.span = keel::nanos(40), .buckets = 4}, 2, 1.0)) {
        trip_and_wait();
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return success(0);
        if (acquire(i)) { // closed, or refused: the only probe is out
            failure(i);
            ++ghost.other[0];
        }
    }
    void check() {
        require(it.state() == (ghost.other[0] == 2 ? circuit_state::open : circuit_state::closed),
                "it does not trip by exactly its own failures");
        if (it.state() == circuit_state::closed)
            require(it.stats().window.failed == ghost.other[0], "the window did not start over");
        require_totals();
    }
};

// Two failures on both sides of a bucket's edge: to the earlier one, by its time, the later one has not been yet, so
// neither need trip it. Both are in the window, and the next failure does.
struct failures_across_an_edge : world<time_window, 2> {
    failures_across_an_edge()
      : world(rated(window_of<time_window>(), 2, 1.0)) {
        acquire(0);
        acquire(1);
        advance(9);
    }
    void run(int i) {
        if (i == 1) advance(1);
        failure(i);
    }
    void check() {
        const auto in_it = it.stats().window;
        require(in_it.calls == 2 && in_it.failed == 2, "a failure at the edge is lost");
        if (it.state() == circuit_state::closed) acquire(0), failure(0);
        require(it.state() == circuit_state::open, "a trip at the edge is late by more than a failure");
    }
};

} // namespace

scenario_list window_scenarios() {
    return {
        {"two_failures_trip_count_window", all, explore_one<concurrent_failures_trip<count_window, 2>>},
        {"three_failures_trip_count_window", two, explore_one<concurrent_failures_trip<count_window, 3>>},
        {"two_failures_trip_time_window", once_spurious, explore_one<concurrent_failures_trip<time_window, 2>>},
        {"failures_trip_beside_a_success", two, explore_one<failures_trip_beside_a_success>},
        {"minimum_is_judged_count_window", all, explore_one<minimum_is_judged<count_window, 2, 1>>},
        {"minimum_is_judged_time_window", all, explore_one<minimum_is_judged<time_window, 2, 1>>},
        {"minimum_of_three", two, explore_one<minimum_is_judged<count_window, 3, 1>>},
        {"minimum_of_three_two_failures", two, explore_one<minimum_is_judged<count_window, 3, 2>>},
        {"minimum_of_three_time_window", two, explore_one<minimum_is_judged<time_window, 3, 1>>},
        {"slow_calls_trip", all, explore_one<slow_calls_trip>},
        {"express_lane_beside_failures", all, explore_one<express_lane_beside_failures>},
        {"count_window_is_exact", all, explore_one<count_window_is_exact>},
        {"window_starts_over", two, explore_one<window_starts_over>},
        {"failure_after_the_start_counts", two, explore_one<failure_after_the_start_counts>},
        {"failures_count_with_calls", all, explore_one<failures_count_with_their_calls<count_window>>},
        {"failures_count_with_calls_time_window", all, explore_one<failures_count_with_their_calls<time_window>>},
        {"overtaken_look_up", two, explore_one<overtaken_look_up>},
        {"old_results_are_those_in_flight", all, explore_one<old_results_are_those_in_flight>},
        {"buckets_turn_over_before_the_edge", all, explore_one<buckets_turn_over<8>>},
        {"buckets_turn_over_at_the_edge", all, explore_one<buckets_turn_over<9>>},
        {"buckets_turn_over_a_window_later", all, explore_one<buckets_turn_over<19>>},
        {"failures_across_an_edge", all, explore_one<failures_across_an_edge>},
        {"late_thread_rewinds_nothing", all, explore_one<late_thread_rewinds_nothing>},
        {"time_window_starts_over", two, explore_one<time_window_starts_over>},
    };
}

} // namespace race
