#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../duration.hpp"
#include "../random.hpp"
#include "backoff.hpp"
#include "exponential.hpp"

#include <chrono>
#include <cstdint>
#include <iterator>

namespace keel {

/// Uniform between half of the ceiling base x factor^(n-1), at most `cap`, and all of it: never near zero. After
/// Brooker, "Exponential backoff and jitter" (AWS Architecture Blog, 2015).
struct equal_jitter {
    nanos base = std::chrono::milliseconds(10); ///< the first ceiling; at least 1 ns
    double factor = 2;                          ///< from one attempt to the next; 1 to 1e6
    nanos cap = std::chrono::seconds(1);        ///< the longest delay; at least `base`

    constexpr nanos delay(std::uint64_t n, nanos previous, random_source& random) const noexcept {
        const nanos high = ceiling().delay(n, previous, random);
        return detail::uniform(nanos(high.count - high.count / 2), high, random);
    }

    constexpr nanos longest(std::uint64_t n) const noexcept {
        random_source unused;
        return ceiling().delay(n, nanos(0), unused);
    }

    constexpr config_error validate() const noexcept { return ceiling().validate(); }

    auto begin() const { return detail::delay_iterator(*this); }
    static auto end() { return std::unreachable_sentinel; }

  private:
    constexpr exponential ceiling() const noexcept { return {.base = base, .factor = factor, .cap = cap}; }
};

} // namespace keel
