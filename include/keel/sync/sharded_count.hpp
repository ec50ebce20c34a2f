#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/macros.hpp"
#include "atomics.hpp"
#include "cache_line.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace keel {

/// A count that only grows, spread over `Shards` cache lines so that the threads that count do not meet.
///
/// The thread with slot s < Shards is the only writer of shard s and counts with a plain load and store. All others
/// share one more shard and pay an atomic addition. `sum()` lies between the true totals at its start and at its end.
template <std::size_t Shards, class Atomics = std_atomics>
class sharded_count {
  public:
    /// Counts one if this thread owns a shard; otherwise does nothing and says false.
    KEEL_ALWAYS_INLINE bool try_count() noexcept {
        const std::uint32_t slot = Atomics::slot();
        if (slot >= Shards) [[unlikely]]
            return false;
        // Relaxed, and no read-modify-write: nobody else stores here while this thread lives, and the hand-over to
        // the next owner of the slot is ordered by the slot itself.
        auto& mine = shards_[slot].value;
        mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return true;
    }

    /// Counts one from any thread.
    void count() noexcept {
        if (try_count()) return;
        if (Atomics::claim_slot() < Shards && try_count()) return;
        shards_[Shards].value.fetch_add(1, std::memory_order_relaxed);
    }

    std::uint64_t sum() const noexcept {
        std::uint64_t total = 0;
        for (const shard& s : shards_)
            total += s.value.load(std::memory_order_relaxed);
        return total;
    }

  private:
    struct alignas(cache_line) shard {
        typename Atomics::template atomic<std::uint64_t> value{0};
    };
    static_assert(sizeof(shard) == cache_line);

    shard shards_[Shards + 1]{};
};

} // namespace keel
