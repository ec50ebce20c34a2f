#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../config.hpp"
#include "../detail/lesser.hpp"
#include "../detail/macros.hpp"
#include "../policy.hpp"
#include "../sync/sharded_count.hpp"
#include "judgement.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace keel {

struct sliding_window_options {
    std::size_t shards = 16;    ///< threads that count without an atomic read-modify-write; 64 bytes each
    std::size_t failures = 256; ///< failures that trip the largest window; 8 bytes each
};

/// The last `calls` results, exactly. A success costs one plain addition in a cache line of this thread: it can never
/// raise the failure rate once the minimum of calls is reached, so only failures need a place in order.
template <sliding_window_options Options = sliding_window_options{}>
struct basic_sliding_window {
    int calls = 100; ///< at least 1

    static constexpr bool by_rate = true;

    constexpr void check(detail::checker& c, double failure_rate) const noexcept {
        c.require(calls >= 1, "window.calls", calls, "must be at least 1");
        if (c.error || !(failure_rate > 0 && failure_rate <= 1)) return;
        c.require(detail::fewest_reaching(static_cast<std::uint64_t>(calls), failure_rate) <= Options.failures,
                  "window.calls", calls,
                  "times failure_rate must be at most sliding_window_options::failures (256 by default): raise that");
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

    void success(const window&, call&, std::uint64_t) noexcept {
        calls_.count();
        // Of two that reach the minimum of calls at once, the later one sees both.
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }

    void failure(const window&, call&, std::uint64_t) noexcept {
        calls_.count();
        const std::uint64_t position = calls_.sum();
        const std::uint64_t turn = failures_.fetch_add(1, std::memory_order_seq_cst);
        // Sequentially consistent with the loads in judge(): of two threads that fail at once, the later one to store
        // sees both positions. Were the order weaker, each could miss the other's and the trip would be lost.
        positions_[turn % ring_size].exchange(position, std::memory_order_seq_cst);
    }

    judgement judge(const window& w, call&, int minimum_calls, double failure_rate) const noexcept {
        for (;;) {
            const std::uint64_t failures = failures_.load(std::memory_order_seq_cst);
            const std::uint64_t total = calls_.sum();
            const std::uint64_t first = first_.load(std::memory_order_relaxed);
            const auto size = static_cast<std::uint64_t>(w.calls);
            const std::uint64_t held = detail::lesser(total - detail::lesser(first, total), size);
            if (held < detail::lesser(static_cast<std::uint64_t>(minimum_calls), size)) return judgement::too_few;
            const std::uint64_t needed = detail::fewest_reaching(held, failure_rate);
            if (failures < needed) return judgement::healthy;
            const std::uint64_t turn = failures - needed;
            const std::uint64_t position = positions_[turn % ring_size].load(std::memory_order_seq_cst);
            if (position <= total - held) return judgement::healthy;
            // Others may have failed so often meanwhile that the place holds a later position: then it says nothing.
            if (failures_.load(std::memory_order_seq_cst) <= turn + ring_size) return judgement::failing;
        }
    }

    /// Forgets what was counted. Raised and never lowered, so that a thread that comes late can't undo it.
    void start_over(const window&, call&) noexcept {
        detail::raise_to(first_, calls_.sum(), std::memory_order_relaxed);
    }

  private:
    // One more than a window can need: a failure that is being noted takes no place from those that count.
    static constexpr std::size_t ring_size = Options.failures + 1;

    sharded_count<Options.shards, Atomics> calls_;
    typename Atomics::template atomic<std::uint64_t> first_{0};
    typename Atomics::template atomic<std::uint64_t> failures_{0};
    typename Atomics::template atomic<std::uint64_t> positions_[ring_size]{};
};

} // namespace keel
