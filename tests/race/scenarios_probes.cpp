// SPDX-License-Identifier: BSL-1.0

// The half-open circuit: permits, leases, and what probes decide.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include <cstdint>

namespace race {
namespace {

using keel::circuit_state;
using in_a_row = keel::consecutive_failures;
constexpr limits all{}, two{.preemptions = 2};

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

// Between the look at an expired lease and the take-over its probe is dropped and another granted: that one stays.
struct fresh_probe_keeps_its_lease : world<in_a_row, 2, true> {
    fresh_probe_keeps_its_lease()
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
        const auto lease = [this](int i) { return granted_in(i).lease(); };
        require(!held[0] || !held[1] || lease(0) != 0 || lease(1) == 0,
                "a probe is taken over whose lease has just begun");
    }
};

// The same for who lost a race for the last permit, and finds in that way that all are out: their lease, not an
// earlier.
struct loser_sees_the_lease : world<in_a_row, 2, true> {
    loser_sees_the_lease()
      : world(config_of(in_a_row{1}, 2)) {
        trip_and_wait();
        acquire(0);
        advance(max_wait);
    }
    void run(int i) {
        if (i == 1) {
            acquire(1);
            return;
        }
        drop(0);
        acquire(0);
        acquire(2);
    }
    void check() {
        const auto lease = [this](int i) { return held[i] ? granted_in(i).lease() : 0; };
        require(lease(1) == 0 || lease(0) != 0 || lease(2) != 0 || !held[0] || !held[2],
                "probes are taken over whose lease has just begun");
    }
};

// A probe that was given up is dropped: the permit of the one that took its place is not given back.
struct given_up_probe_returns_nothing : world<in_a_row, 2, true> {
    given_up_probe_returns_nothing()
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

} // namespace

scenario_list probe_scenarios() {
    return {
        {"one_probe_of_three", all, explore_one<probes_are_limited<3, 1>>},
        {"two_probes_of_three", all, explore_one<probes_are_limited<3, 2>>},
        {"two_probes_of_four", two, explore_one<probes_are_limited<4, 2>>},
        {"probes_close", all, explore_one<probes_close>},
        {"probes_disagree", all, explore_one<probes_disagree<3>>},
        {"probes_disagree_of_four", two, explore_one<probes_disagree<4>>},
        {"drops_return_permits", all, explore_one<drops_return_permits>},
        {"lease_is_seen_with_its_probe", all, explore_one<lease_is_seen_with_its_probe>},
        {"lease_is_taken_over", all, explore_one<lease_is_taken_over>},
        {"fresh_probe_keeps_its_lease", all, explore_one<fresh_probe_keeps_its_lease>},
        {"loser_sees_the_lease", all, explore_one<loser_sees_the_lease>},
        {"given_up_probe_returns_nothing", all, explore_one<given_up_probe_returns_nothing>},
    };
}

} // namespace race
