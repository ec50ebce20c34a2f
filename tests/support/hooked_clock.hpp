#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/clock/manual_clock.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace support {

/// A manual clock during whose sleeps, or readings, something happens: `on_sleep(until)` runs before the time goes on.
/// Counts its readings and its sleeps. Copies share everything.
struct hooked_clock {
    struct shared {
        keel::manual_clock time;
        std::function<void(keel::time_point)> on_sleep;
        std::function<void()> on_reading;
        int readings = 0;
        int sleeps = 0;
    };
    std::shared_ptr<shared> state = std::make_shared<shared>();

    keel::time_point now() const noexcept {
        ++state->readings;
        if (state->on_reading) state->on_reading();
        return state->time.now();
    }
    void sleep_until(keel::time_point t) const {
        ++state->sleeps;
        if (state->on_sleep) state->on_sleep(t);
        state->time.sleep_until(t);
    }

    void advance(keel::nanos d) const noexcept { state->time.advance(d); }
    /// Once, during the n-th sleep from now on.
    template <class Action>
    void at_sleep(int n, Action action) const {
        state->on_sleep = [n, action = std::move(action)](keel::time_point) mutable {
            if (--n == 0) action();
        };
    }
};

} // namespace support
