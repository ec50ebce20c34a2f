#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../duration.hpp"
#include "../random.hpp"
#include "backoff.hpp"

#include <chrono>
#include <cstdint>
#include <iterator>

namespace keel {

/// Uniform between `base` and `factor` times the delay before, at most `cap`: depends on the delay before and not on
/// the number of the attempt. After Brooker, "Exponential backoff and jitter" (AWS Architecture Blog, 2015).
struct decorrelated_jitter {
    nanos base = std::chrono::milliseconds(10); ///< the shortest delay; at least 1 ns
    double factor = 3;                          ///< 1 to 1e6
    nanos cap = std::chrono::seconds(1);        ///< the longest delay; at least `base`

    constexpr nanos delay(std::uint64_t, nanos previous, random_source& random) const noexcept {
        const nanos before = previous < base ? base : previous;
        return detail::uniform(base, detail::capped(before, factor, cap), random);
    }

    constexpr nanos longest(std::uint64_t n) const noexcept {
        return detail::capped(base, detail::power(factor, n), cap);
    }

    constexpr config_error validate() const noexcept { return detail::checked_growth(base, factor, cap).error; }

    auto begin() const { return detail::delay_iterator(*this); }
    static auto end() { return std::unreachable_sentinel; }
};

} // namespace keel
