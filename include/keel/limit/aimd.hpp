#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "strategy.hpp"

namespace keel {

/// Adds `increase` to the limit after each window in which it was used, and multiplies it by `backoff` after each in
/// which too many calls failed. Does not look at latency: slow calls must be made to fail, by a `timeout` further in.
///
/// Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance in computer networks"
/// (1989).
struct aimd {
    double increase = 1;  ///< above 0, at most 1000
    double backoff = 0.9; ///< at least 0.1, below 1

    struct memory {};
    static constexpr bool uses_latency = false;

    double next(memory&, double limit, const limit_window& w) const noexcept {
        if (w.failing) return limit * backoff;
        return w.used ? limit + increase : limit;
    }

    constexpr void check(detail::checker& c) const noexcept {
        c.require(increase > 0 && increase <= 1000, "strategy.increase", increase, "must be above 0 and at most 1000")
            .require(backoff >= 0.1 && backoff < 1, "strategy.backoff", backoff, "must be at least 0.1 and below 1");
    }
};

} // namespace keel
