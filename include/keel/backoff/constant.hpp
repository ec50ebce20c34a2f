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

/// The same delay every time; 0 retries at once.
struct constant {
    nanos every = std::chrono::milliseconds(10); ///< at least 0

    constexpr nanos delay(std::uint64_t, nanos, random_source&) const noexcept { return every; }

    constexpr config_error validate() const noexcept {
        return detail::checker("retry").not_negative("backoff.every", every).error;
    }

    auto begin() const { return detail::delay_iterator(*this); }
    static auto end() { return std::unreachable_sentinel; }
};

} // namespace keel
