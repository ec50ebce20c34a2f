#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "circuit_configs.hpp"
#include "hand_driven.hpp"

#include <keel/breaker.hpp>

#include <chrono>

namespace support {

/// A window, and whether calls take the express lane where it takes them.
template <class Window, bool Express>
struct on_lane {
    using window = Window;
    using circuit = hand_driven<Window, Express>;

    static circuit make(int failures = 1, int probes = 1) {
        return circuit(trips_at<Window>(failures, probes), std::chrono::seconds(1000));
    }
};

} // namespace support

// What a case is run for.
#define BY_RATE_ON_ALL_LANES                                                                                           \
    support::on_lane<keel::sliding_window, true>, support::on_lane<keel::sliding_window, false>,                       \
        support::on_lane<keel::sliding_time_window, true>, support::on_lane<keel::sliding_time_window, false>
#define ON_ALL_LANES                                                                                                   \
    BY_RATE_ON_ALL_LANES, support::on_lane<keel::consecutive_failures, true>,                                          \
        support::on_lane<keel::consecutive_failures, false>
