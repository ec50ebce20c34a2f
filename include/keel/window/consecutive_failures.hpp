#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../config.hpp"
#include "../detail/macros.hpp"
#include "../policy.hpp"
#include "judgement.hpp"

#include <atomic>
#include <cstdint>

namespace keel {

/// Failures in a row, across all threads. A success reads the count, and writes only where it is not zero.
struct consecutive_failures {
    int failures = 5; ///< at least 1

    static constexpr bool by_rate = false;

    constexpr void check(detail::checker& c) const noexcept {
        c.require(failures >= 1, "window.failures", failures, "must be at least 1");
    }
    static constexpr keel::needs needs() noexcept { return {}; }
    template <class Atomics>
    class counts;
};

template <class Atomics>
class consecutive_failures::counts {
  public:
    KEEL_ALWAYS_INLINE bool try_success(const consecutive_failures&, call&) noexcept {
        return static_cast<std::uint32_t>(row_.load(std::memory_order_relaxed)) == 0;
    }

    void success(const consecutive_failures&, call&, std::uint64_t generation) noexcept {
        row_.store(tagged(generation), std::memory_order_relaxed);
    }

    // The generation stands beside the count, so that a failure of an earlier one can't be continued.
    void failure(const consecutive_failures&, call&, std::uint64_t generation) noexcept {
        std::uint64_t seen = row_.load(std::memory_order_relaxed);
        std::uint64_t next = 0;
        do {
            next = (seen >> 32 == generation ? seen : tagged(generation)) + 1;
        } while (!row_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
    }

    judgement judge(const consecutive_failures& w, call&) const noexcept {
        const auto row = static_cast<std::uint32_t>(row_.load(std::memory_order_relaxed));
        return row >= static_cast<std::uint32_t>(w.failures) ? judgement::failing : judgement::healthy;
    }

    void start_over(const consecutive_failures&, call&) noexcept {}

  private:
    static constexpr std::uint64_t tagged(std::uint64_t generation) noexcept { return generation << 32; }

    typename Atomics::template atomic<std::uint64_t> row_{0};
};

} // namespace keel
