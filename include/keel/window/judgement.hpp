#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <cstdint>

namespace keel {

/// What a window makes of the results it has seen.
enum class judgement : std::uint8_t {
    too_few, ///< fewer results than the minimum: nothing is decided
    healthy, ///< below the threshold
    failing, ///< at the threshold or above it
};

namespace detail {

/// Whether `failed` of `calls` is a rate of at least `rate`.
constexpr bool reaches(std::uint64_t failed, std::uint64_t calls, double rate) noexcept {
    return static_cast<double>(failed) / static_cast<double>(calls) >= rate;
}

/// The fewest failures of `calls` that reach `rate`. Not a bare ceiling: 0.07 x 100 is 7.000000000000001 in binary.
constexpr std::uint64_t fewest_reaching(std::uint64_t calls, double rate) noexcept {
    auto failed = static_cast<std::uint64_t>(rate * static_cast<double>(calls));
    if (failed > 0) --failed;
    while (!reaches(failed, calls, rate))
        ++failed;
    return failed;
}

} // namespace detail
} // namespace keel
