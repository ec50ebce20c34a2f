// SPDX-License-Identifier: BSL-1.0

// keel's own code, with fences taken away from it.

#include "seeded.hpp"

#include "checked_circuit.hpp"
#include "checked_throttle.hpp"

#include <cstdint>

namespace race {
namespace {

using std::int64_t;
using std::uint64_t;

// Whose fences are left out.
enum class without { none, all_fences, those_of_thread_0 };
template <without W>
struct atomics : checked_atomics {
    static void fence(order o, where w = where::current()) {
        if (W == without::all_fences || (W == without::those_of_thread_0 && thread_slot() == 0)) return;
        race::fence(o, w);
    }
};

template <class Window, without W>
struct minimum_is_reached : world<Window, 2, false, atomics<W>> {
    static constexpr Window window() {
        if constexpr (requires(Window w) { w.span; })
            return {.span = keel::nanos(40), .buckets = 4};
        else
            return {.calls = 4};
    }
    minimum_is_reached()
      : world<Window, 2, false, atomics<W>>(rated(window(), 2, 0.5)) {
        this->acquire(0);
        this->acquire(1);
    }
    void run(int i) {
        if (i == 0)
            this->failure(0);
        else
            this->success(1);
    }
    void check() { require(this->it.state() == keel::circuit_state::open, "the trip is lost"); }
};
template <without W>
using count_window = minimum_is_reached<keel::basic_sliding_window<{.shards = 2, .failures = 4}>, W>;
template <without W>
using time_window = minimum_is_reached<keel::basic_sliding_time_window<{.shards = 1, .buckets = 4}>, W>;

template <without W>
struct log_without {
    static constexpr int threads = 2;
    keel::detail::transition_log<atomics<W>> log;
    uint64_t ghost = 0;
    static keel::circuit_transition number(int64_t n) {
        return {keel::time_point(std::chrono::nanoseconds(n)), keel::circuit_state(n % 2), keel::circuit_state(n % 3),
                keel::transition_cause(n % 5)};
    }
    log_without() {
        for (int n = 0; n < 16; ++n)
            log.note(number(n));
    }
    void run(int i) {
        if (i == 0) return log.note(number(16));
        for (const keel::circuit_transition& t : log.read()) {
            const keel::circuit_transition whole = number(t.at.time_since_epoch().count());
            require(t.from == whole.from && t.to == whole.to && t.cause == whole.cause, "an entry is torn");
        }
    }
    void check() {}
};

// A failure that is two generations late, with as many bits for their numbers as given.
template <unsigned Bits>
struct two_generations_late : world<keel::consecutive_failures, 2, false, basic_checked_atomics<Bits>> {
    two_generations_late()
      : world<keel::consecutive_failures, 2, false, basic_checked_atomics<Bits>>(
            config_of(keel::consecutive_failures{1}, 1)) {
        this->acquire(0);
    }
    void run(int i) {
        if (i == 0) return this->failure(0);
        this->it.close();
        this->it.close();
    }
    void check() { require(this->it.state() == keel::circuit_state::closed, "a late result trips"); }
};

template <without W>
using throttle = failures_at_once_with<atomics<W>>;

} // namespace

seeded_list keel_bugs() {
    return {
        seed<without::all_fences, count_window>("count_window_without_fences"),
        seed<without::those_of_thread_0, count_window>("count_window_fails_without_fence"),
        seed<without::all_fences, time_window>("time_window_without_fences"),
        seed<without::those_of_thread_0, time_window>("time_window_fails_without_fence"),
        seed<without::those_of_thread_0, log_without>("log_is_written_without_fence"),
        seed<without::all_fences, throttle>("throttle_without_fences"),
        {"generation_of_one_bit", explore_one<two_generations_late<1>>, explore_one<two_generations_late<2>>},
    };
}

} // namespace race
