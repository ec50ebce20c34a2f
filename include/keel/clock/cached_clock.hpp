#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../sync/atomics.hpp"
#include "../sync/cache_line.hpp"
#include "steady_clock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace keel {

/// One atomic for the whole process, which somebody must advance: 0.3 ns a reading. Call `cached_clock::update()` once
/// per turn of the event loop, or keep a `keel::ticker` alive. As long as nobody does, time stands still: no deadline
/// passes and no open circuit probes. Same epoch as `steady_clock`.
struct cached_clock {
    KEEL_ALWAYS_INLINE static time_point now() noexcept {
        return time_point(std::chrono::nanoseconds(cached_.load(std::memory_order_relaxed)));
    }

    /// Reads the steady clock and publishes it. Any thread, any number of them: the clock never goes back.
    static time_point update() noexcept {
        const time_point t = steady_clock::now();
        // Relaxed: the time orders nothing but itself.
        detail::raise_to(cached_, t.time_since_epoch().count(), std::memory_order_relaxed);
        return t;
    }

    /// Really sleeps, then updates the clock.
    static void sleep_until(time_point t) noexcept {
        steady_clock::sleep_until(t);
        update();
    }

  private:
    KEEL_PROCESS_WIDE alignas(cache_line) static inline constinit std::atomic<std::int64_t> cached_{0};
};

} // namespace keel
