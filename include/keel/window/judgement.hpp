#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <cstdint>

namespace keel {

/// What a window makes of the results it has seen.
enum class judgement : std::uint8_t {
    too_few, ///< fewer results than the minimum: nothing is decided
    healthy, ///< below the thresholds
    failing, ///< at the threshold of failures or above it
    slow,    ///< at the threshold of slow calls or above it, but not of failures
};

/// What a window holds of results. A slow failure counts as one call, and as failed and as slow.
struct window_counts {
    std::uint64_t calls = 0;
    std::uint64_t failed = 0;
    std::uint64_t slow = 0;
    std::uint64_t slow_failed = 0;
};

namespace detail {

/// For looking at the window of a circuit that is open, and so has no generation.
inline constexpr std::uint64_t any_generation = ~std::uint64_t{0};

/// A result, as a window counts it.
struct graded {
    bool failed;
    bool slow;
};

/// Whether `failed` of `calls` is a rate of at least `rate`.
constexpr bool reaches(std::uint64_t failed, std::uint64_t calls, double rate) noexcept {
    return static_cast<double>(failed) / static_cast<double>(calls) >= rate;
}

/// The fewest failures of `calls` that reach `rate`. Not a bare ceiling: 0.07 x 100 is 7.000000000000001 in binary.
constexpr std::uint64_t fewest_reaching(std::uint64_t calls, double rate) noexcept {
    auto failed = static_cast<std::uint64_t>(rate * static_cast<double>(calls));
    while (!reaches(failed, calls, rate))
        ++failed;
    return failed;
}

/// When a circuit with a window by rate trips.
struct thresholds {
    int minimum_calls;
    double failure_rate;
    bool judges_slow;
    double slow_rate;

    constexpr judgement judge(const window_counts& held) const noexcept {
        if (reaches(held.failed, held.calls, failure_rate)) return judgement::failing;
        if (judges_slow && reaches(held.slow, held.calls, slow_rate)) return judgement::slow;
        return judgement::healthy;
    }
};

} // namespace detail
} // namespace keel
