#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace support {

/// What a circuit is told, for a circuit of any window.
struct naive_config {
    enum class window { last_calls, last_time, in_a_row };
    using duration = std::chrono::nanoseconds;

    window counts = window::last_calls;
    std::size_t calls = 100;              // last_calls: so many; in_a_row: so many failures
    std::size_t remembered = 256;         // last_calls: failures, and slow calls, that the statistics tell apart
    duration bucket = duration(1);        // last_time: buckets start at whole multiples of this ...
    std::int64_t buckets = 1;             // ... and the current one counts among so many
    std::size_t minimum = 20;             // by rate: of results
    double failure_rate = 0.5;            // by rate
    std::optional<duration> slow_after{}; // calls are timed where there is one
    double slow_rate = 1;                 // by rate
    bool counts_overdue = false;          // calls count as slow while they are under way, too ...
    std::int64_t eighths = 8;             // ... when so many eighths of `slow_after` have gone by whole
    duration open_for = duration(1);      // the first open period
    std::size_t probes = 3;               // permits of a half-open state
    duration probe_wait = duration(1);    // half_open_max_wait
    double growth = 1, jitter = 0;        // of the open period, with each failed probing
    duration longest_grown = duration(1); // growth.cap
};

} // namespace support
