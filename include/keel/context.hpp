#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "duration.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stop_token>

namespace keel {

/// What a call knows of itself, for the user's function: `p([](const keel::context& c) { ... c.remaining() ... })`.
/// Also what hands a deadline on: `inner(c, f)` runs another pipeline that ends no later than this one.
///
/// Valid while the function that got it runs. Reading it is thread-safe.
class context {
  public:
    /// The start of a chain of calls: no deadline, no stop. Its times are `steady_clock`'s.
    context() noexcept
      : context(no_deadline) {}
    explicit context(time_point deadline) noexcept
      : context(clock_ref(default_clock), deadline, 1, nullptr) {}

    /// No attempt begins and no wait is taken up once `stop` is requested. Refers to `stop`, which must outlive it.
    explicit context(const std::stop_token& stop, time_point deadline = no_deadline) noexcept
      : context(clock_ref(default_clock), deadline, 1, &stop) {}
    explicit context(const std::stop_token&&, time_point = no_deadline) = delete;

    context(clock_ref clock, time_point deadline, std::uint32_t attempt, const std::stop_token* stop) noexcept
      : clock_(clock)
      , deadline_(deadline)
      , attempt_(attempt)
      , stop_(stop) {}

    /// When the call, or this attempt of it, must have ended: the nearest of all timeouts around it.
    /// `keel::no_deadline` where there is none.
    time_point deadline() const noexcept { return deadline_; }

    /// The time left until `deadline()`, by the pipeline's clock, read now: never negative, `nanoseconds::max()`
    /// without a deadline.
    std::chrono::nanoseconds remaining() const noexcept {
        if (deadline_ == no_deadline) return std::chrono::nanoseconds::max();
        return std::max(deadline_ - clock_.now(), std::chrono::nanoseconds(0));
    }

    /// How many times this call has invoked the function, this time included: 1, 2, 3 ...
    std::uint32_t attempt() const noexcept { return attempt_; }

    /// Whether whoever began the call wants it to end.
    bool stop_requested() const noexcept { return stop_ != nullptr && stop_->stop_requested(); }

    /// The token that the call was begun with, or an empty one.
    std::stop_token stop() const noexcept { return stop_ != nullptr ? *stop_ : std::stop_token(); }

  private:
    friend class call;
    static constexpr steady_clock default_clock{};

    clock_ref clock_;
    time_point deadline_;
    std::uint32_t attempt_;
    const std::stop_token* stop_;
};

} // namespace keel
