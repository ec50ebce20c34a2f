#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../duration.hpp"
#include "../random.hpp"
#include "backoff.hpp"

#include <chrono>
#include <cstdint>
#include <iterator>
#include <utility>

namespace keel {

/// base x 1, 1, 2, 3, 5, 8 ... up to `cap`: grows by a factor of about 1.6 with each attempt.
struct fibonacci {
    nanos base = std::chrono::milliseconds(10); ///< the first delay; at least 1 ns
    nanos cap = std::chrono::seconds(1);        ///< the longest delay; at least `base`

    constexpr nanos delay(std::uint64_t n, nanos, random_source&) const noexcept {
        // The 97th Fibonacci number exceeds `beyond_nanos`: more steps change nothing.
        double before = 0, number = 1;
        for (std::uint64_t i = 1; i < n && number < detail::beyond_nanos; ++i)
            number += std::exchange(before, number);
        return detail::capped(base, number, cap);
    }

    constexpr config_error validate() const noexcept { return detail::checked_growth(base, cap).error; }

    auto begin() const { return detail::delay_iterator(*this); }
    static auto end() { return std::unreachable_sentinel; }
};

} // namespace keel
