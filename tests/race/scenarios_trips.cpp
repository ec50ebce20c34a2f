// SPDX-License-Identifier: BSL-1.0

// The closed circuit: failures in a row, generations, and changes by hand.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include <cstdint>

namespace race {
namespace {

using keel::circuit_state;
using in_a_row = keel::consecutive_failures;
constexpr limits all{}, two{.preemptions = 2};

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

// A failure that is being recorded while the circuit is closed by hand: its row is not judged in the next generation.
struct row_of_an_old_generation_is_dropped : world<in_a_row, 2> {
    row_of_an_old_generation_is_dropped()
      : world(config_of(in_a_row{1}, 1)) {
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        it.close();
        if (acquire(1)) success(1);
    }
    void check() {
        require(it.state() == circuit_state::closed, "a failure of an earlier generation trips it");
        require_totals();
    }
};

// The same with two in a row, one of each generation.
struct row_is_not_continued : world<in_a_row, 2> {
    row_is_not_continued()
      : world(config_of(in_a_row{2}, 1)) {
        acquire(0);
    }
    void run(int i) {
        if (i == 0) return failure(0);
        it.close();
        acquire(1);
        failure(1);
    }
    void check() {
        require(it.state() == circuit_state::closed, "a row of an earlier generation is continued");
        require_totals();
    }
};

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

} // namespace

scenario_list trip_scenarios() {
    return {
        {"failures_trip_once", all, explore_one<failures_trip_once<3>>},
        {"failures_trip_once_of_four", two, explore_one<failures_trip_once<4>>},
        {"opening_is_exact", all, explore_one<opening_is_exact>},
        {"two_rounds", all, explore_one<two_rounds>},
        {"late_failure_is_dropped", all, explore_one<late_failure_is_dropped>},
        {"late_results_are_no_probes", all, explore_one<late_results_are_no_probes>},
        {"row_of_an_old_generation_is_dropped", all, explore_one<row_of_an_old_generation_is_dropped>},
        {"row_is_not_continued", all, explore_one<row_is_not_continued>},
        {"forced_open_stays", all, explore_one<forced_open_stays>},
        {"closed_by_hand_stays", all, explore_one<closed_by_hand_stays>},
    };
}

} // namespace race
