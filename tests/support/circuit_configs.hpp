#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/circuit_config.hpp>

#include <chrono>

namespace support {

/// So many failures and no success trip it, for 10 s; so many probes are let out, with a lease of 5 s.
template <class Window>
constexpr keel::breaker_config<Window> trips_at(int failures, int probes = 1) {
    keel::breaker_config<Window> c{};
    if constexpr (Window::by_rate) {
        c.failure_rate = 1;
        c.minimum_calls = failures;
    } else {
        c.window.failures = failures;
    }
    c.open_for = std::chrono::seconds(10);
    c.half_open_calls = probes;
    c.half_open_max_wait = std::chrono::seconds(5);
    c.growth.jitter = 0;
    return c;
}

/// A call is slow above 100 ms. `minimum` of them decide; all must be failures, or `rate` of them slow. Three probes.
template <class Window>
constexpr keel::breaker_config<Window> slow_above_100ms(int minimum, double rate = 1) {
    keel::breaker_config<Window> c = trips_at<Window>(minimum, 3);
    c.slow_call.longer_than = std::chrono::milliseconds(100);
    if constexpr (Window::by_rate) c.slow_call.rate = rate;
    return c;
}

} // namespace support
