#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/clock/manual_clock.hpp>

#include <stdexcept>

namespace support {

/// Throws at its n-th call and at no other.
struct thrower {
    int throws_at = 0, calls = 0;
    void operator()() {
        if (++calls == throws_at) throw std::logic_error("callback");
    }
};
/// A clock whose sleeps are callbacks.
struct throwing_clock {
    thrower* callback;
    keel::manual_clock clock{};
    keel::time_point now() const noexcept { return clock.now(); }
    void sleep_until(keel::time_point t) const {
        (*callback)();
        clock.sleep_until(t);
    }
};

} // namespace support
