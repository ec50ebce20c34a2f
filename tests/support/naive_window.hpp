#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/duration.hpp>
#include <keel/window/judgement.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>

namespace support {

/// All of keel's windows as one would explain them: results are written down, the oldest are crossed out, and the rest
/// is counted. n failures in a row are a window of the last n calls whose every call must have failed.
struct naive_window {
    std::size_t calls = std::numeric_limits<std::size_t>::max();          // the last so many
    std::int64_t buckets = std::numeric_limits<std::int32_t>::max();      // this bucket of time and those before it
    std::chrono::nanoseconds bucket_length = std::chrono::nanoseconds(1); // buckets start at whole multiples of it
    int minimum = 1;
    double rate = 1;

    static naive_window last(int calls, int minimum, double rate) {
        const auto n = static_cast<std::size_t>(calls);
        return {.calls = n, .minimum = std::min(minimum, calls), .rate = rate};
    }
    static naive_window in_time(std::chrono::nanoseconds length, int buckets, int minimum, double rate) {
        return {.buckets = buckets, .bucket_length = length, .minimum = minimum, .rate = rate};
    }
    static naive_window in_a_row(int failures) { return last(failures, failures, 1); }

    void record(keel::time_point now, bool failed) {
        held.push_back({bucket_of(now), failed});
        while (held.size() > calls || held.front().bucket <= bucket_of(now) - buckets)
            held.pop_front();
    }

    std::int64_t failures() const { return std::ranges::count(held, true, &entry::failed); }

    keel::judgement judge() const {
        if (std::ssize(held) < minimum) return keel::judgement::too_few;
        const double share = static_cast<double>(failures()) / static_cast<double>(held.size());
        return share >= rate ? keel::judgement::failing : keel::judgement::healthy;
    }

    struct entry {
        std::int64_t bucket;
        bool failed;
    };
    std::deque<entry> held{};

  private:
    std::int64_t bucket_of(keel::time_point t) const { return t.time_since_epoch() / bucket_length; }
};

} // namespace support
