#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace keel::detail {

/// What a ring says of its k-th latest position; `outdated` if it was overwritten meanwhile: to be asked again.
enum class look_up { no, yes, outdated };

/// The positions, in the sequence of all results, of the latest `Capacity` results of one kind. Positions only grow, so
/// the last n results hold at least k of the kind exactly if the k-th latest position lies among them: one look-up.
template <std::size_t Capacity, class Atomics>
class position_ring {
  public:
    /// Release: who sees that a result was noted sees its call, which is counted before; and who reads a position sees
    /// that it was noted. The window has to see to it that threads which note at the same time do not miss each other.
    void note(std::uint64_t position, bool marked) noexcept {
        const std::uint64_t turn = noted_.fetch_add(1, std::memory_order_release);
        positions_[turn % size].store(position << 1 | std::uint64_t{marked}, std::memory_order_release);
    }

    /// How many were ever noted. To be read before the extent of the window that `holds` is asked about, so that no
    /// result is noted after it and counted in it.
    std::uint64_t noted() const noexcept { return noted_.load(std::memory_order_acquire); }

    /// Whether at least `k` > 0 of the first `noted` ones were noted at positions after `since`.
    look_up holds(std::uint64_t k, std::uint64_t since, std::uint64_t noted) const noexcept {
        if (noted < k) return look_up::no;
        const std::uint64_t turn = noted - k;
        const std::uint64_t position = positions_[turn % size].load(std::memory_order_acquire) >> 1;
        if (position <= since) return look_up::no;
        // Others may have noted so often meanwhile that the place holds a later position: then it says nothing.
        return this->noted() <= turn + size ? look_up::yes : look_up::outdated;
    }

    struct tally {
        std::uint64_t all = 0;
        std::uint64_t marked = 0;
    };
    /// How many of the first `noted` ones, up to `Capacity`, were noted at positions after `since`. For statistics:
    /// results that are being noted meanwhile may or may not be among them.
    tally after(std::uint64_t since, std::uint64_t noted) const noexcept {
        tally found;
        for (std::uint64_t i = 0; i < Capacity && i < noted; ++i) {
            const std::uint64_t entry = positions_[(noted - 1 - i) % size].load(std::memory_order_relaxed);
            // Not the end: a thread that was slow to note its position may have left it among newer ones.
            if (entry >> 1 <= since) continue;
            ++found.all;
            found.marked += entry & 1;
        }
        return found;
    }

  private:
    // One more than are ever looked up: a result that is being noted takes no place from those that count.
    static constexpr std::size_t size = Capacity + 1;

    typename Atomics::template atomic<std::uint64_t> noted_{0};
    typename Atomics::template atomic<std::uint64_t> positions_[size]{};
};

} // namespace keel::detail
