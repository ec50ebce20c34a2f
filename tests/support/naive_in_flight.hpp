#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/duration.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace support {

/// The calls that are under way in one generation, as one would explain it: a list of when they began. keel tells the
/// time in eighths of the limit, which start at whole multiples of their length: a call is overdue from the ninth after
/// its own on.
class naive_in_flight {
  public:
    using time = keel::time_point;
    using duration = std::chrono::nanoseconds;

    /// `eighths` is how many go by whole before a call is overdue.
    naive_in_flight(duration limit, std::int64_t eighths)
      : length_((limit.count() + 7) / 8)
      , eighths_(eighths) {}

    void begin(time now) {
        calls_.push_back(now);
        if (begun_in_.empty() || begun_in_.back() != number(now)) begun_in_.push_back(number(now));
    }
    void end(time began) { calls_.erase(std::ranges::find(calls_, began)); }
    /// In a new generation: what hangs since before counts no more.
    void forget() {
        calls_.clear();
        begun_in_.clear();
        judged_in_.reset();
    }

    std::size_t overdue(time now) const {
        const auto is_overdue = [&](time began) { return number(now) - number(began) > eighths_; };
        return static_cast<std::size_t>(std::ranges::count_if(calls_, is_overdue));
    }
    time overdue_from(time began) const { return time(duration((number(began) + eighths_ + 1) * length_)); }

    /// Once in each eighth, for whoever comes first: no call becomes overdue within one.
    bool is_to_be_judged(time now) {
        const bool was_judged = judged_in_ && (number(now) - *judged_in_) % numbers == 0;
        judged_in_ = number(now);
        return !was_judged;
    }

    /// Whether keel, whose numbers of eighths wrap, takes some that are long past for current ones, or for ones ahead.
    /// Then it may leave out calls that began in them, and those that ended since.
    bool is_mistaken_at(time now) const {
        return std::ranges::any_of(begun_in_, [&](std::int64_t past) {
            const std::int64_t ago = number(now) - past;
            return ago >= numbers - ahead && (ago + ahead) % numbers <= ahead + eighths_;
        });
    }

  private:
    static constexpr std::int64_t numbers = 1 << 16, ahead = 64;

    std::int64_t number(time t) const {
        const std::int64_t ticks = t.time_since_epoch().count();
        return ticks / length_ - (ticks % length_ < 0 ? 1 : 0);
    }

    std::int64_t length_, eighths_;
    std::vector<time> calls_;
    std::vector<std::int64_t> begun_in_; // the eighths in which any call began, ended or not
    std::optional<std::int64_t> judged_in_;
};

} // namespace support
