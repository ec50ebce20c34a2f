// SPDX-License-Identifier: BSL-1.0

// keel's real circuit, under every interleaving of a few threads. Each scenario says what must hold; the names are what
// reports refer to.

#include "scenarios.hpp"

#include "explored_keel.hpp"

#include <keel/call.hpp>

#include <cstdint>

namespace race {
namespace {

using keel::circuit_state;
using in_a_row = keel::consecutive_failures;
using count_window = keel::basic_sliding_window<{.shards = 2, .failures = 4}>;
using time_window = keel::basic_sliding_time_window<{.shards = 1, .buckets = 4}>;

// --- half-open ---

// The open period is over: of all who come at once, as many as half_open_calls are probes, in one generation.
template <int Threads, int Probes>
struct probes_are_limited : world<in_a_row, Threads> {
    using base = world<in_a_row, Threads>;
    probes_are_limited()
      : base(config_of(in_a_row{1}, Probes)) {
        this->trip_and_wait();
    }
    void run(int i) { this->acquire(i); }
    void check() {
        require(this->ghost.admitted == 1 + Probes, "not as many probes as half_open_calls");
        require(this->transitions(circuit_state::open, circuit_state::half_open) == 1,
                "not one transition to half-open");
        for (int i = 0; i < Threads; ++i)
            if (this->held[i]) this->drop(i);
        this->require_totals();
        this->require_recovery();
    }
};

// Probes that succeed close it, once, and by as many successes as were asked for.
struct probes_close : world<in_a_row, 3> {
    probes_close()
      : world(config_of(in_a_row{1}, 2)) {
        trip_and_wait();
        acquire(0);
    }
    void run(int i) {
        if (held[i] || acquire(i)) success(i);
    }
    void check() {
        require(ghost.admitted >= 3, "probes were refused");
        require(it.state() == circuit_state::closed, "two successes did not close it");
        require(transitions(circuit_state::half_open, circuit_state::closed) == 1, "it did not close once");
        require_totals();
    }
};

// One succeeds, one fails, one is dropped: whoever comes when, the failure of a probe opens it again, once.
template <int Threads>
struct probes_disagree : world<in_a_row, Threads> {
    probes_disagree()
      : world<in_a_row, Threads>(config_of(in_a_row{1}, 2)) {
        this->trip_and_wait();
        for (int i = 0; i < Threads - 2; ++i)
            this->acquire(i);
    }
    void run(int i) {
        if (!this->held[i] && !this->acquire(i)) return;
        const bool probe = this->granted_in(i).is_half_open();
        if (i == 0) this->success(i);
        if (i == 1) this->failure(i), this->ghost.other[0] = probe;
        if (i >= 2) this->drop(i);
    }
    void check() {
        const int reopened = this->transitions(circuit_state::half_open, circuit_state::open);
        require(reopened == static_cast<int>(this->ghost.other[0]), "a failed probe did not open it again once");
        this->require_totals();
        if (this->ghost.other[0]) this->require_exact_opening();
        this->require_recovery();
    }
};

// A dropped probe gives its permit back, so that none is lost.
struct drops_return_permits : world<in_a_row, 3> {
    drops_return_permits()
      : world(config_of(in_a_row{1}, 1)) {
        trip_and_wait();
    }
    void run(int i) {
        if (acquire(i)) drop(i);
    }
    void check() {
        require(it.state() == circuit_state::half_open, "it is not half-open");
        require(acquire(0), "a permit is lost");
        success(0);
        require(it.state() == circuit_state::closed, "the probe did not close it");
        require_totals();
    }
};

// Who finds the permits used up must find the lease of those probes, and not that of an earlier one.
struct lease_is_seen_with_its_probe : world<in_a_row, 3, true> {
    lease_is_seen_with_its_probe()
      : world(config_of(in_a_row{1}, 1)) {
        trip_and_wait();
    }
    void run(int i) {
        if (i < 2)
            acquire(i);
        else
            advance(max_wait - 1);
    }
    void check() {
        require(ghost.admitted == 2, "a lease was taken over before it was over");
        require_recovery();
    }
};

// A probe that never came back is replaced by one, in the same generation; and what it says later still counts.
struct lease_is_taken_over : world<in_a_row, 3, true> {
    lease_is_taken_over()
      : world(config_of(in_a_row{1}, 1)) {
        trip_and_wait();
        acquire(3);
        ghost.other[0] = granted_in(3).generation();
        advance(max_wait);
    }
    void run(int i) {
        if (i == 2) return success(3);
        if (!acquire(i)) return;
        if (granted_in(i).is_half_open()) {
            require(granted_in(i).generation() == ghost.other[0], "the lease is taken over in another generation");
            require(++ghost.other[1] == 1, "the lease is taken over twice");
        }
        success(i);
    }
    void check() {
        require(it.state() == circuit_state::closed, "a probe that succeeded late is lost");
        require(transitions(circuit_state::half_open, circuit_state::closed) == 1, "it did not close once");
        require_totals();
    }
};

// --- closed, failures in a row ---

// The second failure trips it, whoever notes it; the third comes late or was among them.
template <int Threads>
struct failures_trip_once : world<in_a_row, Threads> {
    failures_trip_once()
      : world<in_a_row, Threads>(config_of(in_a_row{2}, 1)) {
        for (int i = 0; i < Threads; ++i)
            this->acquire(i);
    }
    void run(int i) { this->failure(i); }
    void check() {
        require(this->transitions(circuit_state::closed, circuit_state::open) == 1, "it did not trip once");
        require(this->it.stats().totals.opens == 1, "it did not open once");
        this->require_totals();
        this->require_exact_opening();
    }
};

// The clock goes on while they fail: the time of opening is the winner's, to the tick.
struct opening_is_exact : world<in_a_row, 3> {
    opening_is_exact()
      : world(config_of(in_a_row{1}, 1)) {}
    void run(int i) {
        if (i == 2) return advance(3);
        if (acquire(i)) failure(i);
    }
    void check() {
        require_totals();
        require_exact_opening();
    }
};

// Both trip it, wait and probe, over and over: no state is lost or stuck.
struct two_rounds : world<in_a_row, 2> {
    two_rounds()
      : world(config_of(in_a_row{1}, 1)) {}
    void run(int i) {
        if (acquire(i)) failure(i);
        advance(open_for);
        if (acquire(i)) success(i);
    }
    void check() {
        require_totals();
        require(transitions(circuit_state::closed, circuit_state::open) >= 1, "it never tripped");
        require_recovery();
    }
};

// A permit of the first generation ends whenever it likes: it opens nothing that others closed.
struct late_failure_is_dropped : world<in_a_row, 2> {
    late_failure_is_dropped()
      : world(config_of(in_a_row{1}, 1)) {
        acquire(0);
        acquire(1);
        ghost.other[0] = 1;
    }
    void run(int i) {
        failure(i);
        if (i == 0) return;
        advance(open_for);
        if (acquire(i)) success(i);
    }
    void check() {
        require(it.state() == circuit_state::closed, "a late failure counts in another generation");
        require(transitions(circuit_state::closed, circuit_state::open) == 1, "it did not trip once");
        require(transitions(circuit_state::half_open, circuit_state::open) == 0,
                "a late failure is taken for a probe's");
        require_totals();
    }
};

// The same against a probe that is under way: the late ones neither decide for it nor take its permit.
struct late_results_are_no_probes : world<in_a_row, 3> {
    late_results_are_no_probes()
      : world(config_of(in_a_row{1}, 1)) {
        acquire(1);
        acquire(2);
        trip_and_wait();
    }
    void run(int i) {
        if (i == 0) {
            if (acquire(0)) success(0);
        } else if (i == 1) {
            failure(1);
        } else {
            drop(2);
        }
    }
    void check() {
        require(it.state() == circuit_state::closed, "the probe's success did not close it");
        require(it.stats().totals.late == 2, "late results are counted as others");
        require_totals();
    }
};

// --- by hand ---

// Forced open stays so, whatever trips meanwhile.
struct forced_open_stays : world<in_a_row, 3> {
    forced_open_stays()
      : world(config_of(in_a_row{1}, 1)) {}
    void run(int i) {
        if (i == 2)
            it.force_open();
        else if (acquire(i))
            failure(i);
    }
    void check() {
        require(it.state() == circuit_state::forced_open, "something undid force_open()");
        require(!acquire(0), "a call is admitted");
        require_totals();
    }
};

// close() begins a new generation: what was granted before it does not trip it after.
struct closed_by_hand_stays : world<in_a_row, 3> {
    closed_by_hand_stays()
      : world(config_of(in_a_row{1}, 1)) {
        acquire(0);
        acquire(1);
    }
    void run(int i) {
        if (i == 2)
            it.close();
        else
            failure(i);
    }
    void check() {
        require(it.state() == circuit_state::closed, "an old result tripped what was closed by hand");
        require_totals();
    }
};

// --- windows ---

template <class Window>
constexpr auto rated(const Window& w, int minimum, double rate, int probes = 1) {
    auto c = config_of(w, probes);
    c.minimum_calls = minimum;
    c.failure_rate = rate;
    return c;
}

// Two failures at once: each may miss the other's place in the ring, but not both.
template <class Window, int Threads>
struct concurrent_failures_trip : world<Window, Threads> {
    static constexpr Window window() {
        if constexpr (requires(Window w) { w.span; })
            return {.span = keel::nanos(40), .buckets = 4};
        else
            return {.calls = 4};
    }
    concurrent_failures_trip()
      : world<Window, Threads>(rated(window(), Threads, 1.0)) {}
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
        keel::call c{keel::clock_ref(clock)};
        keel::circuit_permit p;
        it.try_admit(p, c, it.config());
        if (!p.granted_in.is_closed()) return;
        ++ghost.other[0];
        if (!it.try_success(p, c, it.config())) it.settle(p, c, keel::ending::succeeded);
    }
    void check() {
        require(it.state() == circuit_state::closed, "a success tripped it on an earlier generation's failures");
        require(it.stats().window.calls <= ghost.other[0], "the window did not start over");
    }
    virtual_clock clock;
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
        explorer::the().boundary(3, 0);
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

// --- what is told about it ---

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
    keel::detail::transition_log<explored_atomics> log;
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

// --- what does not hold: see findings() ---

// A failure that was being recorded when the circuit was closed by hand trips it in the next generation: the row is
// judged whatever generation it is tagged with.
struct row_of_an_old_generation_trips : world<in_a_row, 2> {
    row_of_an_old_generation_trips()
      : world(config_of(in_a_row{1}, 1)) {
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        it.close();
        acquire(1);
        success(1);
    }
    void check() {
        for (const keel::circuit_transition& t : it.log())
            ghost.other[0] = ghost.other[0] * 10 + (t.cause == keel::transition_cause::by_hand ? 1 : 2);
        require(ghost.other[0] != 12, "a failure of an earlier generation trips it");
    }
};

// The same with a count window: late by at most the calls that were being recorded.
struct window_holds_an_old_result : world<count_window, 2> {
    window_holds_an_old_result()
      : world(rated(count_window{.calls = 4}, 1, 1.0)) {
        acquire(0);
    }
    void run(int i) {
        if (i == 0)
            failure(0);
        else
            it.close();
    }
    void check() { require(it.stats().window.calls == 0, "a result of an earlier generation is in the window"); }
};

// A failure and a success that complete the minimum: half of two trips it in either order, but each can miss the other.
struct success_that_completes_the_minimum : world<count_window, 2> {
    success_that_completes_the_minimum()
      : world(rated(count_window{.calls = 4}, 2, 0.5)) {
        acquire(0);
        acquire(1);
    }
    void run(int i) {
        if (i == 0)
            failure(0);
        else
            success(1);
    }
    void check() { require(it.state() == circuit_state::open, "the trip is lost"); }
};

// Two failures on both sides of a bucket's edge: the later one can judge first, and to the earlier, by its time, the
// later one has not been yet.
struct failures_across_an_edge : world<time_window, 2> {
    failures_across_an_edge()
      : world(rated(time_window{.span = keel::nanos(40), .buckets = 4}, 2, 1.0)) {
        acquire(0);
        acquire(1);
        advance(9);
    }
    void run(int i) {
        if (i == 1) advance(1);
        failure(i);
    }
    void check() { require(it.state() == circuit_state::open, "the trip is lost"); }
};

// The statistics of a count window read its calls first, and then failures that came after them.
struct failure_rate_above_one : world<count_window, 2> {
    failure_rate_above_one()
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
    void check() {}
};

// Failures are counted after the calls, and both relaxed: who sees the failure need not see the call.
struct failures_exceed_calls : world<in_a_row, 2> {
    failures_exceed_calls()
      : world(config_of(in_a_row{5}, 1)) {
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        const keel::circuit_totals t = it.stats().totals;
        require(t.failures <= t.calls, "more failures than calls");
    }
    void check() {}
};

// A call is recorded before it is known as failed: for a moment it is a success.
struct failure_is_a_success_at_first : world<in_a_row, 2> {
    failure_is_a_success_at_first()
      : world(config_of(in_a_row{5}, 1)) {
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        require(it.stats().totals.successes == 0, "a success is counted that nobody reported");
    }
    void check() {}
};

// A bucket starts over before what it held is added to the rest: in between, the total is short of it.
struct total_goes_back : world<time_window, 2> {
    total_goes_back()
      : world(rated(time_window{.span = keel::nanos(20), .buckets = 2}, 63, 1.0)) {
        for (int i = 0; i < 3; ++i) {
            acquire(0);
            success(0);
        }
        advance(20);
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return success(0);
        require(it.stats().totals.calls >= 3, "the total of calls is less than it was before");
    }
    void check() {}
};

// ABA in the word: between the look at an expired lease and the take-over, its probe is dropped and another granted.
struct fresh_probe_is_taken_over : world<in_a_row, 2, true> {
    fresh_probe_is_taken_over()
      : world(config_of(in_a_row{1}, 1)) {
        trip_and_wait();
        acquire(0);
        advance(max_wait);
    }
    void run(int i) {
        if (i == 0) drop(0);
        acquire(i);
    }
    void check() {
        const auto lease = [this](int i) { return granted_in(i).bits >> 50 & 15; };
        require(!held[0] || !held[1] || lease(0) != 0 || lease(1) == 0,
                "a probe is taken over whose lease has just begun");
    }
};
// A probe that was given up is dropped, and gives back the permit of the one that took its place.
struct given_up_probe_returns_anothers_permit : world<in_a_row, 2, true> {
    given_up_probe_returns_anothers_permit()
      : world(config_of(in_a_row{1}, 1)) {
        trip_and_wait();
        acquire(2);
        advance(max_wait);
        acquire(3); // takes it over
    }
    void run(int i) {
        if (i == 0)
            drop(2);
        else
            acquire(1);
    }
    void check() { require(!held[1], "two probes are out whose leases are not over"); }
};

// A transition is noted after it was made: two can change places in the log.
struct log_is_out_of_order : world<in_a_row, 2> {
    log_is_out_of_order()
      : world(config_of(in_a_row{1}, 2)) {
        trip_and_wait();
    }
    void run(int i) {
        if (acquire(i) && i == 1) failure(1);
    }
    void check() {
        circuit_state last = circuit_state::closed;
        for (const keel::circuit_transition& t : it.log()) {
            require(t.from == last, "the log's entries are not in order");
            last = t.to;
        }
    }
};

// A writer that sleeps while the others fill the log wakes up in an entry that is no longer its own.
struct log_is_torn_by_a_lapped_writer : log_is_not_torn {
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

template <class World>
report explore_one(const limits& l, weakening w, const std::string& script) {
    return explorer::the().explore<World>(l, w, script);
}

} // namespace

const std::vector<scenario>& scenarios() {
    static constexpr limits all{}, two{.preemptions = 2}, fences{.acquire_fences = true};
    static const std::vector<scenario> list{
        {"one_probe_of_three", all, explore_one<probes_are_limited<3, 1>>},
        {"two_probes_of_three", all, explore_one<probes_are_limited<3, 2>>},
        {"two_probes_of_four", two, explore_one<probes_are_limited<4, 2>>},
        {"probes_close", all, explore_one<probes_close>},
        {"probes_disagree", all, explore_one<probes_disagree<3>>},
        {"probes_disagree_of_four", two, explore_one<probes_disagree<4>>},
        {"drops_return_permits", all, explore_one<drops_return_permits>},
        {"lease_is_seen_with_its_probe", all, explore_one<lease_is_seen_with_its_probe>},
        {"lease_is_taken_over", all, explore_one<lease_is_taken_over>},
        {"failures_trip_once", all, explore_one<failures_trip_once<3>>},
        {"failures_trip_once_of_four", two, explore_one<failures_trip_once<4>>},
        {"opening_is_exact", all, explore_one<opening_is_exact>},
        {"two_rounds", all, explore_one<two_rounds>},
        {"late_failure_is_dropped", all, explore_one<late_failure_is_dropped>},
        {"late_results_are_no_probes", all, explore_one<late_results_are_no_probes>},
        {"forced_open_stays", all, explore_one<forced_open_stays>},
        {"closed_by_hand_stays", all, explore_one<closed_by_hand_stays>},
        {"two_failures_trip_count_window", all, explore_one<concurrent_failures_trip<count_window, 2>>},
        {"three_failures_trip_count_window", two, explore_one<concurrent_failures_trip<count_window, 3>>},
        {"two_failures_trip_time_window", all, explore_one<concurrent_failures_trip<time_window, 2>>},
        {"failures_trip_beside_a_success", two, explore_one<failures_trip_beside_a_success>},
        {"count_window_is_exact", all, explore_one<count_window_is_exact>},
        {"window_starts_over", two, explore_one<window_starts_over>},
        {"buckets_turn_over_before_the_edge", all, explore_one<buckets_turn_over<8>>},
        {"buckets_turn_over_at_the_edge", all, explore_one<buckets_turn_over<9>>},
        {"buckets_turn_over_a_window_later", all, explore_one<buckets_turn_over<19>>},
        {"late_thread_rewinds_nothing", all, explore_one<late_thread_rewinds_nothing>},
        {"time_window_starts_over", two, explore_one<time_window_starts_over>},
        {"failures_have_their_calls", all, explore_one<failures_have_their_calls>},
        {"totals_while_it_runs", all, explore_one<totals_while_it_runs>},
        {"log_is_not_torn", fences, explore_one<log_is_not_torn>},
    };
    return list;
}

const std::vector<scenario>& findings() {
    static constexpr limits all{}, two{.preemptions = 2, .acquire_fences = true};
    static const std::vector<scenario> list{
        {"row_of_an_old_generation_trips", all, explore_one<row_of_an_old_generation_trips>},
        {"window_holds_an_old_result", all, explore_one<window_holds_an_old_result>},
        {"success_that_completes_the_minimum", all, explore_one<success_that_completes_the_minimum>},
        {"failures_across_an_edge", all, explore_one<failures_across_an_edge>},
        {"failure_rate_above_one", all, explore_one<failure_rate_above_one>},
        {"failures_exceed_calls", all, explore_one<failures_exceed_calls>},
        {"failure_is_a_success_at_first", all, explore_one<failure_is_a_success_at_first>},
        {"total_goes_back", all, explore_one<total_goes_back>},
        {"fresh_probe_is_taken_over", all, explore_one<fresh_probe_is_taken_over>},
        {"given_up_probe_returns_anothers_permit", all, explore_one<given_up_probe_returns_anothers_permit>},
        {"log_is_out_of_order", all, explore_one<log_is_out_of_order>},
        {"log_is_torn_by_a_lapped_writer", two, explore_one<log_is_torn_by_a_lapped_writer>},
    };
    return list;
}

} // namespace race
