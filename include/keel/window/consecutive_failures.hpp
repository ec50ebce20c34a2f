#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../config.hpp"
#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../policy.hpp"
#include "judgement.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace keel {

struct consecutive_failures_options {
    bool count_overdue = false; ///< overdue calls count as slow, and so as failures, while they are in flight
    std::size_t shards = 16;    ///< with `count_overdue`: threads that count without an atomic read-modify-write; 128
                                ///< bytes each
};

/// Failures in a row, across all threads; a slow call counts as one. A success reads the count, and writes only where
/// it is not zero; so healthy calls of a pipeline are not in the statistics.
template <consecutive_failures_options Options = consecutive_failures_options{}>
struct basic_consecutive_failures {
    int failures = 5; ///< at least 1

    static constexpr bool by_rate = false;
    static constexpr std::size_t shards = Options.count_overdue ? Options.shards : 1;
    static constexpr bool counts_overdue = Options.count_overdue;

    constexpr void check(detail::checker& c) const noexcept {
        c.require(failures >= 1, "window.failures", failures, "must be at least 1");
    }
    static constexpr keel::needs needs() noexcept { return {}; }
    template <class Atomics>
    class counts;
};

using consecutive_failures = basic_consecutive_failures<>;

template <consecutive_failures_options Options>
template <class Atomics>
class basic_consecutive_failures<Options>::counts {
  public:
    using window = basic_consecutive_failures;

    KEEL_ALWAYS_INLINE bool try_success(const window&, call&) noexcept {
        return static_cast<std::uint32_t>(row_.load(std::memory_order_relaxed)) == 0;
    }

    // The generation stands beside the count, so that a row is neither continued nor judged in another generation. A
    // result of an earlier one that was in flight when the next began may end a row, as a success in flight may.
    void record(const window&, call&, std::uint64_t generation, detail::graded g) noexcept {
        recorded_.fetch_add(1, std::memory_order_relaxed);
        if (!g.failed && !g.slow) return row_.store(generation << 32, std::memory_order_relaxed);
        std::uint64_t seen = row_.load(std::memory_order_relaxed);
        std::uint64_t next = 0;
        do {
            next = (seen >> 32 == generation ? seen : generation << 32) + 1;
        } while (!row_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
    }

    judgement judge(const window& w, call&, std::uint64_t generation) const noexcept {
        return row(generation) >= static_cast<std::uint64_t>(w.failures) ? judgement::failing : judgement::healthy;
    }
    /// As if the last `overdue` calls had just been recorded as slow ones.
    judgement judge_overdue(const window& w, call&, std::uint64_t generation, std::uint64_t overdue) const noexcept {
        return row(generation) + overdue >= static_cast<std::uint64_t>(w.failures) ? judgement::slow
                                                                                   : judgement::healthy;
    }

    /// The failures in a row: all that this window remembers.
    window_counts counted(const window&, time_point, std::uint64_t generation) const noexcept {
        const std::uint64_t failed = row(generation);
        return {.calls = failed, .failed = failed};
    }

    /// All results that were ever recorded: failures, slow calls, and the successes that ended a row of them.
    std::uint64_t total() const noexcept { return recorded_.load(std::memory_order_relaxed); }

    // Each row stands beside its generation: there is nothing to forget.
    struct nothing {};
    nothing so_far(const window&, call&) const noexcept { return {}; }
    void start_over(nothing) noexcept {}

    /// Ends a row of any other generation, for a circuit that trips before this one has a row.
    void forget_all_but(std::uint64_t generation) noexcept {
        std::uint64_t seen = row_.load(std::memory_order_relaxed);
        if (seen >> 32 != generation) row_.compare_exchange_strong(seen, generation << 32, std::memory_order_relaxed);
    }

    /// Ends the row, before a change by hand begins a new generation: an open circuit has no generation to tell rows
    /// apart by.
    void forget() noexcept { row_.fetch_and(~std::uint64_t{0xffff'ffff}, std::memory_order_relaxed); }

  private:
    std::uint64_t row(std::uint64_t generation) const noexcept {
        const std::uint64_t seen = row_.load(std::memory_order_relaxed);
        return generation == detail::any_generation || seen >> 32 == generation ? seen & 0xffff'ffff : 0;
    }

    typename Atomics::template atomic<std::uint64_t> row_{0};
    typename Atomics::template atomic<std::uint64_t> recorded_{0};
};

} // namespace keel
