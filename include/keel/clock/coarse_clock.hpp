#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"
#include "steady_clock.hpp"

#include <chrono>
#include <time.h>

namespace keel {

/// `CLOCK_MONOTONIC_COARSE`: 5 ns a reading, advanced by the kernel's tick every 1 to 10 ms. Same epoch as
/// `steady_clock`, and never ahead of it.
struct coarse_clock {
    static time_point now() noexcept {
        ::timespec t{};
        ::clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
        return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
    }

    static void sleep_until(time_point t) noexcept {
        // The kernel's tick may not have come yet when the precise clock says that the time is up.
        for (time_point until = t; now() < t; until += std::chrono::milliseconds(1))
            steady_clock::sleep_until(until);
    }
};

} // namespace keel
