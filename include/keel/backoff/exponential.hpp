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

/// base, base x factor, base x factor^2 ... up to `cap`. Without jitter: clients that failed together retry together.
struct exponential {
    nanos base = std::chrono::milliseconds(10); ///< the first delay; at least 1 ns
    double factor = 2;                          ///< from one attempt to the next; 1 to 1e6
    nanos cap = std::chrono::seconds(1);        ///< the longest delay; at least `base`

    constexpr nanos delay(std::uint64_t n, nanos, random_source&) const noexcept {
        return detail::capped(base, detail::power(factor, n - 1), cap);
    }

    constexpr config_error validate() const noexcept { return detail::checked_growth(base, factor, cap).error; }

    auto begin() const { return detail::delay_iterator(*this); }
    static auto end() { return std::unreachable_sentinel; }
};

} // namespace keel
