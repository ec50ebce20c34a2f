#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/duration.hpp>
#include <keel/rate/fixed_window.hpp>
#include <keel/rate/gcra.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace support {

__extension__ using wide = __int128;

/// keel's GCRA as the recommendation has it, in exact fractions: times are in 1/rate ns, so T is `per` of them.
struct naive_gcra {
    keel::gcra config;
    wide tat = -(wide{1} << 120); // in 1/rate ns: nothing has been taken since before any time

    wide scaled(std::int64_t now) const { return wide{now} * config.rate; }
    wide emission(std::int64_t permits) const { return wide{permits} * config.per.count; }

    /// Nanoseconds until `cost` conforms, rounded up.
    std::int64_t wait_for(std::int64_t now, std::int64_t cost) const {
        const wide early = tat - emission(config.burst - cost) - scaled(now);
        return early <= 0 ? 0 : static_cast<std::int64_t>((early + config.rate - 1) / config.rate);
    }
    void take(std::int64_t now, std::int64_t cost) { tat = std::max(tat, scaled(now)) + emission(cost); }
};

/// Resilience4j's AtomicRateLimiter, rule by rule: a cycle, and what is available in it.
struct naive_fixed_window {
    keel::fixed_window config;
    std::int64_t start = 0;
    std::int64_t cycle = 0;
    std::int64_t available = config.limit;

    void enter(std::int64_t now) {
        const std::int64_t entered = (now - start) / config.period.count;
        if (entered <= cycle) return;
        available = static_cast<std::int64_t>(
            std::min<wide>(wide{available} + wide{entered - cycle} * config.limit, config.limit));
        cycle = entered;
    }
    std::int64_t wait_for(std::int64_t now, std::int64_t cost) {
        enter(now);
        if (available >= cost) return 0;
        const std::int64_t period = config.period.count, lacking = cost - available - config.limit;
        const std::int64_t further = lacking <= 0 ? 0 : (lacking + config.limit - 1) / config.limit;
        return period - (now - start) % period + further * period;
    }
    void take(std::int64_t cost) { available -= cost; }
};

/// What was granted and when it may be used, to be counted in any stretch of time.
class grants {
  public:
    void add(std::int64_t at, std::int64_t permits) {
        at_.push_back(at);
        sum_.push_back((sum_.empty() ? 0 : sum_.back()) + permits);
    }
    /// The most permits that lie in a stretch from a grant to `length` later, both included. They came in order.
    std::int64_t most_in(std::int64_t length) const {
        std::int64_t most = 0;
        for (std::size_t first = 0, end = 0; first < at_.size(); ++first) {
            while (end < at_.size() && at_[end] - at_[first] <= length)
                ++end;
            most = std::max(most, sum_[end - 1] - (first == 0 ? 0 : sum_[first - 1]));
        }
        return most;
    }
    std::int64_t total() const { return sum_.empty() ? 0 : sum_.back(); }

  private:
    std::vector<std::int64_t> at_, sum_;
};

} // namespace support
