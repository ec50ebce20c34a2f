#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/macros.hpp"
#include "thread_slot.hpp"

#include <atomic>
#include <cstdint>

namespace keel {

/// Where the lock-free parts take their atomics, their fences and their thread's index from. A test can pass a policy
/// of its own with the same members, and run them under a scheduler that explores interleavings.
struct std_atomics {
    template <class T>
    using atomic = std::atomic<T>;
    /// The width of the number of a circuit's generation, which wraps.
    static constexpr unsigned generation_bits = 20;
    static void fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }

    static constexpr std::uint32_t no_slot = thread_slots::none;
    KEEL_ALWAYS_INLINE static std::uint32_t slot() noexcept { return thread_slots::current(); }
    static std::uint32_t claim_slot() noexcept { return thread_slots::claim(); }
};

namespace detail {

/// Raises `target` to `value` unless it is there already; never lowers it.
template <class Atomic, class T>
void raise_to(Atomic& target, T value, std::memory_order order) noexcept {
    T seen = target.load(std::memory_order_relaxed);
    while (seen < value && !target.compare_exchange_weak(seen, value, order, std::memory_order_relaxed)) {
    }
}

} // namespace detail
} // namespace keel
