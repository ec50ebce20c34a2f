#pragma once
// SPDX-License-Identifier: BSL-1.0

// Where code under test takes its atomics, its fences, its thread's slot and its time from, under Relacy.
//
// Relacy is older than C++11: its memory orders are macros, so everything that spells `std::memory_order_...` comes
// before it, and what it defines in names of others is undone after it.

#include <keel/circuit.hpp>
#include <keel/limit.hpp>
#include <keel/sync/sections.hpp>
#include <keel/throttle.hpp>
#include <keel/window/consecutive_failures.hpp>
#include <keel/window/sliding_time_window.hpp>
#include <keel/window/sliding_window.hpp>

#include "report.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <limits>
#include <map>
#include <new>
#include <optional>
#include <ostream>
#include <queue>
#include <set>
#include <source_location>
#include <sstream>
#include <stack>
#include <stdexcept>
#include <string>
#include <vector>

#include <relacy/relacy.hpp>

#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef VAR

namespace race {

using where = std::source_location;

constexpr rl::memory_order relacys(order o) noexcept {
    switch (o) {
    case order::consume:
    case order::acquire:
        return rl::mo_acquire;
    case order::release:
        return rl::mo_release;
    case order::acq_rel:
        return rl::mo_acq_rel;
    case order::seq_cst:
        return rl::mo_seq_cst;
    default:
        return rl::mo_relaxed;
    }
}

inline void fence(order o, where = where::current()) {
    if (o != order::relaxed) rl::atomic_thread_fence(relacys(o), $);
}

/// As std::atomic, as far as keel uses it.
template <class T>
class atomic {
  public:
    atomic(T initial = {}) { it_.store(initial, rl::mo_relaxed, $); }

    T load(order o = order::seq_cst, where = where::current()) const { return it_.load(relacys(o), $); }
    void store(T value, order o = order::seq_cst, where = where::current()) { it_.store(value, relacys(o), $); }
    T exchange(T value, order o = order::seq_cst, where = where::current()) {
        return it_.exchange(value, relacys(o), $);
    }
    T fetch_add(T by, order o = order::seq_cst, where = where::current()) { return it_.fetch_add(by, relacys(o), $); }
    T fetch_and(T mask, order o = order::seq_cst, where = where::current()) {
        return it_.fetch_and(mask, relacys(o), $);
    }
    T fetch_or(T mask, order o = order::seq_cst, where = where::current()) { return it_.fetch_or(mask, relacys(o), $); }
    bool compare_exchange_strong(T& expected, T desired, order success, order failure, where = where::current()) {
        return compare_exchange<false>(expected, desired, success, failure);
    }
    bool compare_exchange_weak(T& expected, T desired, order success, order failure, where = where::current()) {
        return compare_exchange<true>(expected, desired, success, failure);
    }
    bool compare_exchange_strong(T& expected, T desired, order o = order::seq_cst, where = where::current()) {
        return compare_exchange<false>(expected, desired, o, order::relaxed);
    }
    bool compare_exchange_weak(T& expected, T desired, order o = order::seq_cst, where = where::current()) {
        return compare_exchange<true>(expected, desired, o, order::relaxed);
    }

  private:
    // Relacy knows no failure that acquires where the success does not: a fence makes up for it, stronger by what was
    // read before. And a failure reads the latest value, never an older one.
    template <bool Weak>
    bool compare_exchange(T& expected, T desired, order success, order failure) {
        const rl::memory_order on_success = relacys(success);
        const bool done = Weak ? it_.compare_exchange_weak(expected, desired, on_success, $, rl::mo_relaxed, $)
                               : it_.compare_exchange_strong(expected, desired, on_success, $, rl::mo_relaxed, $);
        if (!done && failure != order::relaxed) fence(order::acquire);
        return done;
    }

    rl::atomic<T> it_;
};

/// What one execution has besides the atomics. Relacy watches none of it: the threads are fibers of one.
struct relacy_run {
    bool in_threads = false;
    std::int64_t now = 0;
    const char* failure = nullptr;
    std::uint64_t executions = 0, most = 0;

    static relacy_run& the() noexcept {
        static relacy_run one;
        return one;
    }
};

inline void require(bool holds, const char* text) {
    if (holds) return;
    relacy_run::the().failure = text;
    rl::ctx().fail_test(text, rl::test_result_user_assert_failed, $);
}

// The clock is a place to switch at, never stale, and orders nothing.
inline std::int64_t now() {
    if (relacy_run::the().in_threads) rl::ctx().sched();
    return relacy_run::the().now;
}
inline void advance(std::int64_t ns) {
    if (relacy_run::the().in_threads) rl::ctx().sched();
    relacy_run::the().now += ns;
}
inline void boundary(std::uint64_t, std::uint64_t) {}
inline void wait(where = where::current()) {
    if (relacy_run::the().in_threads) rl::yield(1, $);
}
/// Thread i has slot i; before and after the threads, slot 0.
inline std::uint32_t thread_slot() noexcept { return relacy_run::the().in_threads ? rl::thread_index() : 0; }

/// `World` as for the explorer.
template <class World>
struct relacy_suite : rl::test_suite<relacy_suite<World>, World::threads> {
    alignas(World) static inline std::byte storage[sizeof(World)];
    static World& world() noexcept { return *std::launder(reinterpret_cast<World*>(storage)); }

    void before() {
        relacy_run::the().in_threads = false;
        relacy_run::the().now = 0;
        ::new (static_cast<void*>(storage)) World;
        relacy_run::the().in_threads = true;
    }
    void thread(unsigned i) { world().run(static_cast<int>(i)); }
    void after() {
        relacy_run::the().in_threads = false;
        world().check();
        world().~World();
        // The bounded search has no end of its own.
        if (++relacy_run::the().executions >= relacy_run::the().most) rl::ctx().rl_until("enough", $);
    }
};

/// An eleventh of the executions with at most three switches, one after the other; the others at random. Complete if
/// the eleventh was all that there are.
template <class World>
report explore_one(const limits& l, weakening, const std::string&) {
    report r;
    for (const rl::scheduler_type_e how : {rl::sched_bound, rl::sched_random}) {
        std::ostream nowhere(nullptr);
        rl::test_params p;
        p.search_type = how;
        p.context_bound = 3;
        p.iteration_count = std::numeric_limits<rl::iteration_t>::max();
        p.execution_depth_limit = 20'000;
        p.output_stream = p.progress_stream = &nowhere;
        relacy_run& run = relacy_run::the();
        run.failure = nullptr;
        run.executions = 0;
        run.most = how == rl::sched_bound ? l.executions / 11 : l.executions - l.executions / 11;
        rl::simulate<relacy_suite<World>>(p);
        r.executions += run.executions;
        if (p.test_result == rl::test_result_success) {
            r.complete = true;
        } else if (p.test_result != rl::test_result_until_condition_hit) {
            r.failure = run.failure != nullptr ? run.failure : rl::test_result_str(p.test_result);
            return r;
        }
    }
    return r;
}

} // namespace race
