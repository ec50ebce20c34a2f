#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/macros.hpp"

#include <atomic>
#include <bit>
#include <cstdint>

namespace keel {
namespace detail {

inline constexpr std::uint32_t no_thread_slot = 0xffff'ffff;
inline constexpr std::uint32_t retired_thread_slot = 0xffff'fffe;

// At namespace scope: GCC reaches a static thread_local member of a class through a wrapper function.
KEEL_THREAD_LOCAL std::uint32_t current_thread_slot = no_thread_slot;

} // namespace detail

/// A small index that no other live thread of the process has: 0, 1, 2 ... in the order of first use, reused after a
/// thread has ended. What one thread wrote under its index is visible to the next owner.
///
/// Lock-free. At most `capacity` threads have a slot at a time; the others see `none`.
class thread_slots {
  public:
    static constexpr std::uint32_t capacity = 256;
    static constexpr std::uint32_t none = detail::no_thread_slot;

    /// The calling thread's slot; at least `capacity` as long as it has none. Two instructions.
    KEEL_ALWAYS_INLINE static std::uint32_t current() noexcept { return detail::current_thread_slot; }

    /// The calling thread's slot, claimed now if it has none yet; `none` if all are taken, or if the thread is ending.
    KEEL_PROCESS_WIDE KEEL_COLD static std::uint32_t claim() noexcept {
        if (current() == detail::retired_thread_slot) return none;
        thread_local lease mine;
        if (mine.slot == none) {
            mine.slot = take_lowest();
            detail::current_thread_slot = mine.slot;
        }
        return mine.slot;
    }

  private:
    static constexpr std::uint32_t words = capacity / 64;
    KEEL_PROCESS_WIDE static inline constinit std::atomic<std::uint64_t> taken_[words]{};

    struct lease {
        std::uint32_t slot = none;
        ~lease() {
            // Other thread-local destructors may still make calls: from here on this thread can have no slot.
            detail::current_thread_slot = detail::retired_thread_slot;
            if (slot != none) give_back(slot);
        }
    };

    static std::uint32_t take_lowest() noexcept {
        for (std::uint32_t word = 0; word < words; ++word) {
            std::uint64_t seen = taken_[word].load(std::memory_order_relaxed);
            while (~seen != 0) {
                const auto bit = static_cast<std::uint32_t>(std::countr_one(seen));
                // Acquire pairs with the release in give_back(): this thread counts on where the last owner stopped.
                if (taken_[word].compare_exchange_weak(seen, seen | (std::uint64_t{1} << bit),
                                                       std::memory_order_acquire, std::memory_order_relaxed)) {
                    return word * 64 + bit;
                }
            }
        }
        return none;
    }

    static void give_back(std::uint32_t slot) noexcept {
        taken_[slot / 64].fetch_and(~(std::uint64_t{1} << (slot % 64)), std::memory_order_release);
    }
};

} // namespace keel
