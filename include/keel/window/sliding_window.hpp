#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../config.hpp"
#include "../detail/lesser.hpp"
#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../policy.hpp"
#include "../sync/sharded_count.hpp"
#include "judgement.hpp"
#include "position_ring.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace keel {

struct sliding_window_options {
    std::size_t shards = 16;    ///< threads that count without an atomic read-modify-write; 64 bytes each
    std::size_t failures = 256; ///< failures, or slow calls, that trip the largest window; 16 bytes each
    bool count_overdue = false; ///< overdue calls count as slow while they are in flight; 128 bytes for each shard
};

/// The last `calls` results, exactly. A success costs one plain addition in a cache line of this thread: it can never
/// raise the failure rate once the minimum of calls is reached, so only failures need a place in order.
template <sliding_window_options Options = sliding_window_options{}>
struct basic_sliding_window {
    int calls = 100; ///< at least 1

    static constexpr bool by_rate = true;
    static constexpr std::size_t shards = Options.shards;
    static constexpr bool counts_overdue = Options.count_overdue;

    constexpr void check(detail::checker& c, const detail::thresholds& t) const noexcept {
        c.require(calls >= 1, "window.calls", calls, "must be at least 1");
        if (c.error) return;
        const auto n = static_cast<std::uint64_t>(calls);
        c.require(detail::fewest_reaching(n, t.failure_rate) <= Options.failures, "window.calls", calls,
                  "times failure_rate must be at most sliding_window_options::failures (256 by default): raise that");
        if (!t.judges_slow) return;
        c.require(detail::fewest_reaching(n, t.slow_rate) <= Options.failures, "window.calls", calls,
                  "times slow_call.rate must be at most sliding_window_options::failures (256 by default): raise that");
    }
    static constexpr keel::needs needs() noexcept { return {}; }
    template <class Atomics>
    class counts;
};

using sliding_window = basic_sliding_window<>;

// After k recorded results the counts sum to k. A failure notes that sum as its position; the window holds K failures
// exactly if the K-th latest failure stands among the last n positions. Concurrent calls see positions in some order
// of the calls, wrong by at most the number of calls in flight.
template <sliding_window_options Options>
template <class Atomics>
class basic_sliding_window<Options>::counts {
  public:
    using window = basic_sliding_window;

    KEEL_ALWAYS_INLINE bool try_success(const window&, call&) noexcept { return calls_.try_count(); }

    void record(const window&, call&, std::uint64_t, detail::graded g) noexcept {
        calls_.count();
        if (g.failed || g.slow) {
            const std::uint64_t position = calls_.sum();
            if (g.failed) failures_.note(position, g.slow);
            if (g.slow) slow_.note(position, g.failed);
        }
        // Of results that are recorded at the same time, the last to pass this fence sees them all. Without it each
        // could judge before it sees the others, and the trip would be lost. A success may reach the minimum, so it
        // passes, too.
        Atomics::fence(std::memory_order_seq_cst);
    }

    judgement judge(const window& w, call&, std::uint64_t, const detail::thresholds& t) const noexcept {
        using enum detail::look_up;
        for (;;) {
            const std::uint64_t failed = failures_.noted();
            const std::uint64_t slow = slow_.noted();
            const extent e = held(w);
            if (e.size <
                detail::lesser(static_cast<std::uint64_t>(t.minimum_calls), static_cast<std::uint64_t>(w.calls)))
                return judgement::too_few;
            const auto failing = failures_.holds(detail::fewest_reaching(e.size, t.failure_rate), e.since, failed);
            if (failing == yes) return judgement::failing;
            const auto slowing =
                t.judges_slow ? slow_.holds(detail::fewest_reaching(e.size, t.slow_rate), e.since, slow) : no;
            if (slowing == yes) return judgement::slow;
            if (failing == no && slowing == no) return judgement::healthy;
        }
    }

    /// As if the last `overdue` calls had just been recorded as slow ones.
    judgement judge_overdue(const window& w, call& c, std::uint64_t generation, const detail::thresholds& t,
                            std::uint64_t overdue) const noexcept {
        const window_counts held = counted(w, c.now(), generation, overdue);
        const auto minimum = static_cast<std::uint64_t>(detail::lesser(t.minimum_calls, w.calls));
        return held.calls < minimum ? judgement::too_few : t.judge(held);
    }

    window_counts counted(const window& w, time_point, std::uint64_t, std::uint64_t overdue = 0) const noexcept {
        const std::uint64_t noted_failed = failures_.noted();
        const std::uint64_t noted_slow = slow_.noted();
        const std::uint64_t new_ones = detail::lesser(overdue, static_cast<std::uint64_t>(w.calls));
        const extent e = held(w, new_ones);
        const auto failed = failures_.after(e.since, noted_failed);
        const auto slow = slow_.after(e.since, noted_slow);
        // Two results that are recorded at the same time may note the same position.
        return {e.size + new_ones, detail::lesser(failed.all, e.size), detail::lesser(slow.all, e.size) + new_ones,
                detail::lesser(failed.marked, e.size)};
    }
    /// All that were ever recorded.
    std::uint64_t total() const noexcept { return calls_.sum(); }

    /// What has been recorded up to now, to be forgotten.
    std::uint64_t so_far(const window&, call&) const noexcept { return calls_.sum(); }
    /// Forgets that. Raised and never lowered, so that a thread that comes late can't undo it.
    void start_over(std::uint64_t so_far) noexcept { detail::raise_to(first_, so_far, std::memory_order_relaxed); }

  private:
    using ring = detail::position_ring<Options.failures, Atomics>;
    struct extent {
        std::uint64_t size;  // calls in the window
        std::uint64_t since; // the position before its first one
    };
    extent held(const window& w, std::uint64_t room_for = 0) const noexcept {
        const std::uint64_t total = calls_.sum();
        const std::uint64_t first = detail::lesser(first_.load(std::memory_order_relaxed), total);
        const std::uint64_t size = detail::lesser(total - first, static_cast<std::uint64_t>(w.calls) - room_for);
        return {size, total - size};
    }

    sharded_count<Options.shards, Atomics> calls_;
    typename Atomics::template atomic<std::uint64_t> first_{0};
    ring failures_;
    ring slow_;
};

} // namespace keel
