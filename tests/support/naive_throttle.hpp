#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace support {

/// Every request is written down with the bucket that it began in, and crossed out when that has left the window. The
/// probability is evaluated at a failure, at the first request of a bucket, and at each request while it is above 0.
struct naive_throttle {
    struct request {
        std::int64_t bucket;
        bool accepted = false;
        bool withdrawn = false;
    };
    double k;
    std::int64_t bucket_length, buckets;
    double max_probability = 1;
    std::deque<request> all{};
    std::size_t crossed_out = 0;
    double probability = 0;
    std::optional<std::int64_t> evaluated_in{};

    std::int64_t bucket_of(std::int64_t t) const { return t / bucket_length; }
    double rule(std::int64_t now) const {
        double requests = 0, accepts = 0;
        for (const request& r : all) {
            if (r.bucket <= bucket_of(now) - buckets || r.withdrawn) continue;
            ++requests;
            accepts += r.accepted;
        }
        return std::clamp((requests - k * accepts) / (requests + 1), 0.0, max_probability);
    }
    void evaluate(std::int64_t now) {
        probability = rule(now);
        evaluated_in = bucket_of(now);
    }
    /// The number of the request; nothing if `draw()`, asked only where it matters, leaves it out.
    template <class Draw>
    std::optional<std::size_t> begin(std::int64_t now, Draw draw) {
        if (probability > 0 || evaluated_in != bucket_of(now)) evaluate(now);
        while (!all.empty() && all.front().bucket <= bucket_of(now) - 4 * buckets) {
            all.pop_front();
            ++crossed_out;
        }
        all.push_back({bucket_of(now)});
        if (probability > 0 && draw() < probability) return std::nullopt;
        return crossed_out + all.size() - 1;
    }
    request* find(std::size_t number) { return number < crossed_out ? nullptr : &all[number - crossed_out]; }
};

} // namespace support
