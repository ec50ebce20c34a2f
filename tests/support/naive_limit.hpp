#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/limit.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <vector>

namespace support {

/// A limit as one would explain it: every call that ended in the window is written down.
template <class Strategy>
struct naive_limit {
    struct call {
        std::int64_t took;
        bool failed;
    };
    keel::limit_config<Strategy> config;
    double limit = config.initial;
    int inside = 0;
    std::vector<call> ended{}; // in this window
    std::optional<std::int64_t> begun{}, ends{};
    bool used = false;
    std::int64_t latency = 0;
    typename Strategy::memory memory{};

    int allowed() const { return static_cast<int>(limit); }
    bool begin() {
        if (inside >= allowed()) return false;
        ++inside;
        used = used || 2 * inside >= allowed();
        return true;
    }
    void end(std::int64_t now, std::int64_t took, bool failed) {
        --inside;
        if (!Strategy::uses_latency) took = 0;
        if (failed) took = std::max(took, latency);
        ended.push_back({took, failed});
        if (ends && now < *ends) return;
        if (ends && std::ssize(ended) >= config.minimum_calls) {
            judge(now);
            begun = now;
        }
        if (!begun) begun = now;
        ends = now + config.window.count;
    }
    void judge(std::int64_t now) {
        std::int64_t sum = 0;
        double failures = 0;
        for (const call& c : ended) {
            sum += c.took;
            failures += c.failed;
        }
        const auto calls = static_cast<double>(ended.size());
        latency = sum / std::ssize(ended);
        const keel::limit_window w{.length = keel::nanos(now - *begun),
                                   .latency = keel::nanos(std::max<std::int64_t>(latency, 1)),
                                   .used = used || 2 * inside >= allowed(),
                                   .failing = failures > config.failure_rate * calls};
        if constexpr (std::same_as<Strategy, keel::aimd>) {
            if (w.failing)
                limit *= config.strategy.backoff;
            else if (w.used)
                limit += config.strategy.increase;
        } else {
            limit = config.strategy.next(memory, limit, w);
        }
        limit = std::clamp<double>(limit, config.min, config.max);
        ended.clear();
        used = false;
    }
};

} // namespace support
