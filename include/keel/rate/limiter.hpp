#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../duration.hpp"
#include "../sync/atomics.hpp"
#include "gcra.hpp"
#include "reservation.hpp"

#include <cstdint>

namespace keel {

/// A rate limiter without a pipeline: asked by hand, and told the time. Thread-safe; neither copied nor moved;
/// allocates nothing and waits for nothing.
///
///     keel::rate_limiter<> limiter{{.rate = 100, .max_wait = 20ms}};
///     const auto r = limiter.try_acquire(clock.now());
///     if (!r) return busy(r.wait);
///     ... make the call in `r.wait`, or say that it is not made: limiter.give_back(r)
template <rate_algorithm Limit = gcra, class Atomics = std_atomics>
class rate_limiter {
  public:
    /// Throws `invalid_config`. `start` is when the first period of a `fixed_window` begins.
    constexpr explicit rate_limiter(const Limit& limit = {}, time_point start = {})
      : limit_(detail::validated(limit))
      , pace_(limit_)
      , permits_(start) {}
    rate_limiter(const rate_limiter&) = delete;
    rate_limiter& operator=(const rate_limiter&) = delete;

    const Limit& config() const noexcept { return limit_; }

    /// Takes `cost` permits if they come within `max_wait` from `now`.
    rate_reservation try_acquire(time_point now, std::int64_t cost = 1) noexcept {
        return permits_.reserve(pace_, now, cost, limit_.max_wait);
    }
    /// Gives back what was granted and is not used, unless somebody has taken permits since. Returns whether it did.
    bool give_back(const rate_reservation& r) noexcept { return permits_.give_back(r); }

    /// How many permits can be had without a wait. Below 0 where calls wait for theirs.
    std::int64_t available(time_point now) const noexcept { return permits_.available(pace_, now); }
    /// How long a call that takes `cost` permits now has to wait for them; `nanos::max()` where it is always refused.
    nanos wait_for(time_point now, std::int64_t cost = 1) const noexcept { return permits_.wait_for(pace_, now, cost); }

  private:
    Limit limit_;
    typename Limit::pace pace_;
    typename Limit::template permits<Atomics> permits_;
};

} // namespace keel
