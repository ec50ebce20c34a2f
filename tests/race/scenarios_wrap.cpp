// SPDX-License-Identifier: BSL-1.0

// Two bits for generations: their numbers come round within a scenario.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include <cstdint>

namespace race {
namespace {

using keel::circuit_state;
using in_a_row = keel::consecutive_failures;
using of_two_bits = basic_checked_atomics<2>;
using in_window = keel::basic_sliding_window<{.shards = 2, .failures = 4}>;
constexpr limits all{}, two{.preemptions = 2};

// A result that is up to three generations late is dropped, wherever among the changes it comes.
template <class Window, int Changes>
struct late_result_is_dropped : world<Window, 2, false, of_two_bits> {
    static constexpr auto config() {
        if constexpr (Window::by_rate)
            return rated(Window{.calls = 2}, 1, 0.5);
        else
            return config_of(Window{1}, 1);
    }
    late_result_is_dropped()
      : world<Window, 2, false, of_two_bits>(config()) {
        for (int i = 0; i < 3; ++i)
            this->it.close();
        this->acquire(0);
    }
    void run(int i) {
        if (i == 0) return this->failure(0);
        for (int n = 0; n < Changes; ++n)
            this->it.close();
    }
    void check() {
        require(this->it.state() == circuit_state::closed, "a result of an earlier generation trips");
        this->require_totals();
    }
};

// It trips in the last generation and is probed in the first: one probe, and nothing that came before disturbs it.
struct probes_across_the_wrap : world<in_a_row, 3, false, of_two_bits> {
    probes_across_the_wrap()
      : world(config_of(in_a_row{1}, 1)) {
        for (int i = 0; i < 3; ++i)
            it.close();
        acquire(2);
        trip_and_wait();
    }
    void run(int i) {
        if (i == 2) return failure(2);
        if (acquire(i)) success(i);
    }
    void check() {
        require(it.state() == circuit_state::closed, "the probe did not close it");
        require(transitions(circuit_state::open, circuit_state::half_open) == 1, "it was not half-open once");
        require(transitions(circuit_state::half_open, circuit_state::closed) == 1, "it did not close once");
        require_totals();
    }
};

// It opens, is probed and opens again until numbers are in use again: each time there is one probe. The account of
// probes by generation can't tell those of one number apart, so they are counted here.
struct generations_come_round : world<in_a_row, 2, true, of_two_bits> {
    generations_come_round()
      : world(config_of(in_a_row{1}, 1)) {
        for (int n = 0; n < 3; ++n)
            it.close();
    }
    void run(int i) {
        for (int n = 0; n < 2; ++n) {
            if (acquire(i)) {
                if (granted_in(i).is_half_open()) ++ghost.other[i];
                failure(i);
            }
            advance(open_for);
        }
    }
    void check() {
        const auto probes = static_cast<int>(ghost.other[0] + ghost.other[1]);
        require(transitions(circuit_state::open, circuit_state::half_open) == probes, "not one probe each time");
        require_totals();
        require_recovery();
    }
};

} // namespace

scenario_list wrap_scenarios() {
    return {
        {"late_result_is_dropped_in_a_row", all, explore_one<late_result_is_dropped<in_a_row, 3>>},
        {"late_result_is_dropped_in_window", two, explore_one<late_result_is_dropped<in_window, 3>>},
        {"probes_across_the_wrap", all, explore_one<probes_across_the_wrap>},
        {"generations_come_round", all, explore_one<generations_come_round>},
    };
}

} // namespace race
