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
#include <limits>

namespace keel {

/// A steady rate with room for a burst: after a rest `burst` calls may be made at once, and then one every `per /
/// rate`. In no stretch of time that is N times `per` long are there ever more than N x rate + burst.
///
/// The generic cell rate algorithm in the form of virtual scheduling (ITU-T Recommendation I.371): what is kept is the
/// theoretical arrival time TAT, by which all that was granted would have arrived at the steady rate. With the emission
/// interval T = per / rate a call of cost c conforms if TAT <= now + (burst - c) T; then TAT becomes max(TAT, now) + c
/// T.
///
/// Exact for ever: time is counted in ticks of which T has a whole number, so nothing is rounded when T is added. `now`
/// is rounded, to a tick and not in the caller's favour. A tick is 1 ns where `per` is a multiple of `rate`, and
/// shorter than 2 ns otherwise, so a call conforms at most that much later than by the formula, and never sooner.
struct gcra {
    int rate = 50;                       ///< permits per `per`; at least 1, and at most one a nanosecond
    nanos per = std::chrono::seconds(1); ///< above 0, at most 100 years
    int burst = 50;                      ///< permits at once; at least 1, and as many as come within 100 years
    nanos max_wait{}; ///< how long a call waits for its permits instead of being refused; 0 to 100 years

    constexpr config_error validate() const noexcept {
        return detail::checker("rate_limit")
            .positive("per", per)
            .require(rate >= 1 && rate <= per.count, "rate", rate, "must be at least 1 and at most one a nanosecond")
            .require(burst >= 1 && wide{burst} * per.count <= wide{rate} * longest.count, "burst", burst,
                     "must be at least 1 and as many as come within 100 years at most")
            .not_negative("max_wait", max_wait)
            .error;
    }

    struct pace;
    template <class Atomics>
    class permits;

  private:
    __extension__ using wide = __int128;
};

/// What is computed once from a valid configuration. A tick is per / (per - odd) ns long.
struct gcra::pace {
    std::int64_t per;      ///< in nanoseconds
    std::int64_t odd;      ///< what is left of `per` when it is shared out in whole nanoseconds
    std::int64_t interval; ///< ticks from permit to permit
    std::int64_t capacity; ///< ticks in which all permits of a burst come
    std::int64_t burst;

    constexpr explicit pace(const gcra& c) noexcept
      : per(c.per.count)
      , odd(per % c.rate)
      , interval(per / c.rate)
      , capacity(interval * c.burst)
      , burst(c.burst) {}

    struct instant {
        std::int64_t begun; ///< the last tick that has begun
        std::int64_t next;  ///< the first that begins no sooner
    };
    KEEL_ALWAYS_INLINE constexpr instant at(time_point t) const noexcept {
        const std::int64_t ns = detail::in_reach(t);
        if (odd == 0) return {ns, ns};
        const wide shorter = wide{ns} * odd;
        auto whole = static_cast<std::int64_t>(shorter / per);
        if (shorter < wide{whole} * per) --whole;
        return {ns - whole - (shorter != wide{whole} * per), ns - whole};
    }
    /// How long from `t` until a tick begins.
    constexpr nanos until(std::int64_t tick, time_point t) const noexcept {
        const wide begun = odd == 0 ? wide{tick} : (wide{tick} * per + (tick > 0 ? per - odd - 1 : 0)) / (per - odd);
        const wide left = begun - detail::in_reach(t);
        return left > nanos::max().count ? nanos::max() : nanos(static_cast<std::int64_t>(left));
    }
    /// The latest TAT, in ticks, with which a call conforms. 0 < cost <= burst.
    KEEL_ALWAYS_INLINE constexpr std::int64_t latest(instant now, std::int64_t cost) const noexcept {
        return now.begun + (capacity - cost * interval);
    }
    KEEL_ALWAYS_INLINE constexpr std::int64_t taken(std::int64_t tat, instant now, std::int64_t cost) const noexcept {
        return (tat > now.next ? tat : now.next) + cost * interval;
    }
    /// Whether so many permits can ever be had without a wait.
    KEEL_ALWAYS_INLINE constexpr bool holds(std::int64_t cost) const noexcept {
        return static_cast<std::uint64_t>(cost) <= static_cast<std::uint64_t>(burst);
    }
};

/// The permits of a `gcra`, in one word: TAT, in ticks. Thread-safe. What is granted takes one successful
/// compare-exchange, what is refused or costs 0 no read-modify-write. A cost below 0 or above `burst` never conforms.
///
/// When a clock goes back, permits come later and never sooner.
template <class Atomics>
class gcra::permits {
  public:
    constexpr permits() = default;
    constexpr explicit permits(time_point) noexcept {}

    /// Takes `cost` permits at once, or none.
    KEEL_ALWAYS_INLINE bool try_take(const pace& p, time_point now, std::int64_t cost) noexcept {
        if (cost == 0) return true;
        if (!p.holds(cost)) return false;
        const pace::instant t = p.at(now);
        const std::int64_t latest = p.latest(t, cost);
        // Relaxed, here and below: the word says all there is, and orders nothing else.
        std::int64_t seen = tat_.load(std::memory_order_relaxed);
        do {
            if (seen > latest) return false;
        } while (!tat_.compare_exchange_weak(seen, p.taken(seen, t, cost), std::memory_order_relaxed,
                                             std::memory_order_relaxed));
        return true;
    }

    /// Takes `cost` permits that come within `at_most`, or none.
    rate_reservation reserve(const pace& p, time_point now, std::int64_t cost, nanos at_most) noexcept {
        if (cost == 0) return {.granted = true};
        if (!p.holds(cost)) return {};
        const pace::instant t = p.at(now);
        std::int64_t seen = tat_.load(std::memory_order_relaxed);
        for (;;) {
            const nanos wait = wait_after(seen, p, t, now, cost);
            if (wait > at_most) return {.granted = false, .wait = wait};
            const std::int64_t next = p.taken(seen, t, cost);
            if (tat_.compare_exchange_weak(seen, next, std::memory_order_relaxed, std::memory_order_relaxed))
                return {true, wait, seen, next};
        }
    }
    /// Gives back the permits of a reservation that is not used, if nobody has taken any since; otherwise they are
    /// lost: later ones are promised already, and earlier ones that came back would let two calls through at a time.
    /// Returns whether it did.
    bool give_back(const rate_reservation& r) noexcept {
        std::int64_t seen = r.after;
        return tat_.compare_exchange_strong(seen, r.before, std::memory_order_relaxed, std::memory_order_relaxed);
    }

    /// How long a call that takes `cost` permits now has to wait for them, to the nanosecond.
    KEEL_ALWAYS_INLINE nanos wait_for(const pace& p, time_point now, std::int64_t cost) const noexcept {
        if (cost == 0) return nanos(0);
        if (!p.holds(cost)) return detail::never_conforms;
        return wait_after(tat_.load(std::memory_order_relaxed), p, p.at(now), now, cost);
    }
    /// How many permits can be taken now. Below 0 where calls wait for theirs.
    std::int64_t available(const pace& p, time_point now) const noexcept {
        const pace::instant t = p.at(now);
        const std::int64_t tat = tat_.load(std::memory_order_relaxed);
        const std::int64_t room = p.capacity - ((tat > t.begun ? tat : t.begun) - t.begun);
        return room >= 0 ? room / p.interval : -((p.interval - 1 - room) / p.interval);
    }

  private:
    KEEL_ALWAYS_INLINE static nanos wait_after(std::int64_t tat, const pace& p, pace::instant t, time_point now,
                                               std::int64_t cost) noexcept {
        const std::int64_t latest = p.latest(t, cost);
        return tat <= latest ? nanos(0) : p.until(t.begun + (tat - latest), now);
    }

    // On a line of its own: every call writes it.
    alignas(cache_line) typename Atomics::template atomic<std::int64_t> tat_{std::numeric_limits<std::int64_t>::min()};
};

} // namespace keel
