#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../sync/cache_line.hpp"
#include "reservation.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace keel {

/// At most `limit` calls in each `period`, the first of which begins when the limiter is made: the rules of
/// Resilience4j's `AtomicRateLimiter`. Up to twice the limit can pass around the end of a period.
///
/// A call that waits takes permits of later periods. So one that asks for more than `limit` is granted if its last
/// permit comes within `max_wait`, and never without a wait.
struct fixed_window {
    int limit = 50;                         ///< permits per `period`; at least 1, and at most one a nanosecond
    nanos period = std::chrono::seconds(1); ///< above 0, at most 100 years
    nanos max_wait{}; ///< how long a call waits for its permits instead of being refused; 0 to 100 years

    constexpr config_error validate() const noexcept {
        return detail::checker("rate_limit")
            .positive("period", period)
            .require(limit >= 1 && limit <= period.count, "limit", limit,
                     "must be at least 1 and at most one a nanosecond")
            .not_negative("max_wait", max_wait)
            .error;
    }

    struct pace;
    template <class Atomics>
    class permits;
};

/// The configuration as the permits read it.
struct fixed_window::pace {
    std::int64_t limit;
    std::int64_t period; ///< in nanoseconds
    bool has_waits;      ///< permits are taken before their cycle begins

    constexpr explicit pace(const fixed_window& c) noexcept
      : limit(c.limit)
      , period(c.period.count)
      , has_waits(c.max_wait > nanos(0)) {}

    /// Whether so many permits can ever be had without a wait.
    KEEL_ALWAYS_INLINE constexpr bool holds(std::int64_t cost) const noexcept {
        return static_cast<std::uint64_t>(cost) <= static_cast<std::uint64_t>(limit);
    }
};

/// The permits of a `fixed_window`, in one word. Thread-safe. What is granted takes one successful compare-exchange,
/// what is refused or costs 0 no read-modify-write. A cost below 0 or above 2^31 is always refused.
///
/// Permits are numbered: cycle n has those from n x limit to (n + 1) x limit - 1. The word is the number of the next
/// one that is free. If that is in a later cycle, calls have reserved permits; if it is in an earlier one, what was
/// left of that cycle has expired. When a clock goes back, the latest cycle stays the current one; where calls can
/// wait, its permits are yet to come.
template <class Atomics>
class fixed_window::permits {
  public:
    constexpr explicit permits(time_point start = {}) noexcept
      : start_(detail::in_reach(start)) {}

    /// Takes `cost` permits of this cycle, or none.
    KEEL_ALWAYS_INLINE bool try_take(const pace& p, time_point now, std::int64_t cost) noexcept {
        if (cost == 0) return true;
        if (is_beyond_any(cost)) return false;
        const std::int64_t begun = begun_at(p, now);
        // Relaxed, here and below: the word says all there is, and orders nothing else.
        std::int64_t seen = next_.load(std::memory_order_relaxed), next = 0;
        do {
            const std::int64_t first = first_of(p, begun, seen);
            next = (seen > first ? seen : first) + cost;
            if (next > first + p.limit) return false;
        } while (!next_.compare_exchange_weak(seen, next, std::memory_order_relaxed, std::memory_order_relaxed));
        return true;
    }

    /// Takes `cost` permits that come within `at_most`, or none. `at_most` is no more than `max_wait`.
    rate_reservation reserve(const pace& p, time_point now, std::int64_t cost, nanos at_most) noexcept {
        if (cost == 0) return {.granted = true};
        if (is_beyond_any(cost)) return {};
        const std::int64_t begun = begun_at(p, now);
        std::int64_t seen = next_.load(std::memory_order_relaxed);
        for (;;) {
            const std::int64_t first = first_of(p, begun, seen);
            const std::int64_t next = (seen > first ? seen : first) + cost;
            const nanos wait = wait_until_last(next, first, p, now);
            if (wait > at_most) return {.granted = false, .wait = p.holds(cost) ? wait : nanos(0)};
            if (next_.compare_exchange_weak(seen, next, std::memory_order_relaxed, std::memory_order_relaxed))
                return {true, wait, seen, next};
        }
    }
    /// Gives back the permits of a reservation that is not used, if nobody has taken any since; otherwise they are
    /// lost. Returns whether it did.
    bool give_back(const rate_reservation& r) noexcept {
        std::int64_t seen = r.after;
        return next_.compare_exchange_strong(seen, r.before, std::memory_order_relaxed, std::memory_order_relaxed);
    }

    /// How long a call that takes `cost` permits now has to wait for them, to the nanosecond.
    KEEL_ALWAYS_INLINE nanos wait_for(const pace& p, time_point now, std::int64_t cost) const noexcept {
        if (cost == 0) return nanos(0);
        if (is_beyond_any(cost)) return detail::never_conforms;
        const std::int64_t seen = next_.load(std::memory_order_relaxed), first = first_of(p, begun_at(p, now), seen);
        return wait_until_last((seen > first ? seen : first) + cost, first, p, now);
    }
    /// How many permits this cycle has left. Below 0 where calls wait for theirs.
    std::int64_t available(const pace& p, time_point now) const noexcept {
        const std::int64_t seen = next_.load(std::memory_order_relaxed), first = first_of(p, begun_at(p, now), seen);
        return first + p.limit - (seen > first ? seen : first);
    }

  private:
    __extension__ using wide = __int128;

    static constexpr bool is_beyond_any(std::int64_t cost) noexcept {
        return static_cast<std::uint64_t>(cost) > (std::uint64_t{1} << 31);
    }
    // Up to 180 years. A time before the start is the start.
    KEEL_ALWAYS_INLINE std::int64_t since_start(time_point now) const noexcept {
        const std::int64_t since = detail::in_reach(now) - start_;
        return since > 0 ? since : 0;
    }
    // The first permit of the cycle that `now` lies in. There is at most one permit a nanosecond, so no number exceeds
    // the time.
    KEEL_ALWAYS_INLINE std::int64_t begun_at(const pace& p, time_point now) const noexcept {
        return since_start(now) / p.period * p.limit;
    }
    // The first permit of this cycle, or of a later one that another thread has seen begin: a call that read the clock
    // just before is not refused for that. Where calls can wait, the word may be in a later cycle for another reason.
    KEEL_ALWAYS_INLINE static std::int64_t first_of(const pace& p, std::int64_t begun, std::int64_t next) noexcept {
        if (!p.has_waits && next > begun + p.limit) [[unlikely]]
            return (next - 1) / p.limit * p.limit;
        return begun;
    }
    // How long until the cycle of permit `next - 1` begins.
    KEEL_ALWAYS_INLINE nanos wait_until_last(std::int64_t next, std::int64_t first, const pace& p,
                                             time_point now) const noexcept {
        if (next <= first + p.limit) return nanos(0);
        const wide left = wide{(next - 1) / p.limit} * p.period - since_start(now);
        return left > nanos::max().count ? nanos::max() : nanos(static_cast<std::int64_t>(left));
    }

    // On a line of its own: every call writes it.
    alignas(cache_line) typename Atomics::template atomic<std::int64_t> next_{0};
    std::int64_t start_;
};

} // namespace keel
