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

/// base, base + step, base + 2 step ... up to `cap`.
struct linear {
    nanos base = std::chrono::milliseconds(10); ///< the first delay; at least 1 ns
    nanos step = std::chrono::milliseconds(10); ///< added with each attempt; at least 0
    nanos cap = std::chrono::seconds(1);        ///< the longest delay; at least `base`

    constexpr nanos delay(std::uint64_t n, nanos, random_source&) const noexcept {
        const double grown =
            static_cast<double>(base.count) + static_cast<double>(step.count) * static_cast<double>(n - 1);
        return grown < static_cast<double>(cap.count) ? nanos::from(grown) : cap;
    }

    constexpr config_error validate() const noexcept {
        return detail::checked_growth(base, cap).not_negative("backoff.step", step).error;
    }

    auto begin() const { return detail::delay_iterator(*this); }
    static auto end() { return std::unreachable_sentinel; }
};

} // namespace keel
