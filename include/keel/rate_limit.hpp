#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "context.hpp"
#include "detail/lesser.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "outcome.hpp"
#include "policy.hpp"
#include "rate/fixed_window.hpp" // IWYU pragma: export
#include "rate/gcra.hpp"
#include "rate/reservation.hpp"
#include "sync/atomics.hpp"

#include <concepts>
#include <cstdint>

namespace keel {

/// A function that says how many permits a call takes. `context::attempt()` is how often the call has invoked the
/// function so far.
template <class F>
concept call_cost = std::copy_constructible<F> && requires(const F& f, const context& c) {
    { f(c) } -> std::integral;
};

namespace detail {

struct one_permit {
    constexpr int operator()(const context&) const noexcept { return 1; }
};

} // namespace detail

/// Refuses calls that come faster than a rate with `errc::rate_limited`, whose `retry_after()` says to the nanosecond
/// when a call of that cost would pass. With `max_wait` it reserves a call's permits and waits for them instead, if
/// they come within that time and before the call's deadline; otherwise it refuses at once and reserves nothing. The
/// limit counts what is let through: a permit does not come back because a policy further in refuses, or a hook throws.
///
/// A call that is asked to stop does not wait. If it is asked during a wait, or if the wait lasts to
/// the deadline or throws, its permits go back
/// unless another call has taken some since; then they are lost.
///
/// One successful compare-exchange a call; a refusal takes none.
template <rate_algorithm Limit = gcra, call_cost Cost = detail::one_permit>
struct rate_limit_policy {
    Limit limit{};
    Cost cost{};
    typename Limit::pace pace{limit};

    struct frame {
        rate_reservation reserved{};
        bool waits = false; ///< for its turn
    };
    /// `p.get<"name">()` of a rate limit with that name.
    template <class Clock>
    class state {
      public:
        state(const rate_limit_policy& owner, const Clock& clock)
          : permits_(clock.now())
          , pace_(owner.pace)
          , clock_(clock) {}

        /// How many permits a call could take now without a wait. From any thread.
        std::int64_t available() const noexcept { return permits_.available(pace_, clock_.now()); }

      private:
        friend rate_limit_policy;
        typename Limit::template permits<std_atomics> permits_;
        typename Limit::pace pace_;
        Clock clock_;
    };
    static constexpr errc rejections[] = {errc::rate_limited};

    constexpr rate_limit_policy()
        requires std::default_initializable<Cost>
    = default;
    constexpr rate_limit_policy(const Limit& valid, const Cost& asked)
      : limit(detail::validated(valid))
      , cost(asked) {}

    constexpr rate_limit_policy<gcra, Cost> operator()(const gcra& c) const { return {c, cost}; }
    template <rate_algorithm Other>
    constexpr auto operator()(const Other& c) const {
        return rate_limit_policy<Other, Cost>{c, cost};
    }

    /// A call takes as many permits as `asked(context)` says. A cost of 0 passes and is not counted; one below 0, or
    /// above what there can ever be at once, is always refused, with a `retry_after()` of 0. The function may be called
    /// several times in a call. It must have no captures if the policy is to be a template argument.
    template <call_cost Asked>
    constexpr auto costing(Asked asked) const {
        return rate_limit_policy<Limit, Asked>{limit, asked};
    }

    constexpr config_error validate() const noexcept { return limit.validate(); }
    constexpr policy_facts facts() const noexcept {
        return {.name = "rate_limit", .does = "refuses what comes too fast", .waits = limit.max_wait};
    }
    static constexpr keel::needs needs() noexcept { return {.entry_time = true}; }

    // No `lets_pass`: a call that began anew because of a policy further in would take its permits twice.

    template <class State>
    KEEL_ALWAYS_INLINE bool fast_admit(State& s, call& c) const noexcept {
        // A function that throws is asked again on the cold lane, where its exception can pass.
        KEEL_TRY { return s.permits_.try_take(pace, c.now(), cost_of(c)); }
        KEEL_CATCH_ALL { return false; }
    }
    template <class State>
    KEEL_ALWAYS_INLINE static bool fast_settle(State&, call&) noexcept {
        return true;
    }
    // The deadline here is still the caller's, and the timeouts of this chain can only bring it nearer: a wait that
    // does not fit now never will. A cost function may be told the deadline, and here would be told another one.
    template <class State>
        requires std::same_as<Cost, detail::one_permit>
    KEEL_ALWAYS_INLINE admission fast_refuse(State& s, call& c) const noexcept {
        const nanos wait = s.permits_.wait_for(pace, c.now(), 1);
        return wait > patience_of(c) ? refuse(errc::rate_limited, wait) : proceed;
    }

    template <class State>
    admission admit(State& s, call& c, frame& f) const {
        if (f.waits) {
            f.waits = false;
            // The wait may have lasted longer than it should, or be no longer wanted.
            if (c.may_try()) return proceed;
            s.permits_.give_back(f.reserved);
            return refuse(errc::rate_limited);
        }
        f.reserved = s.permits_.reserve(pace, c.now(), cost_of(c), patience_of(c));
        if (!f.reserved.granted) return refuse(errc::rate_limited, f.reserved.wait);
        if (f.reserved.wait == nanos(0)) return proceed;
        f.waits = true;
        return ask_again_after(f.reserved.wait);
    }
    template <class State>
    static verdict settle(State&, call&, frame&, outcome&) noexcept {
        return verdict::keep();
    }
    template <class State>
    static void abandon(State& s, call&, frame& f) noexcept {
        if (f.waits) s.permits_.give_back(f.reserved);
    }

  private:
    // An unsigned cost of 2^63 or more becomes a negative one, and both are always refused.
    KEEL_ALWAYS_INLINE std::int64_t cost_of(const call& c) const noexcept(noexcept(cost(c.as_context()))) {
        return static_cast<std::int64_t>(cost(c.as_context()));
    }
    /// How long a call may wait: to shortly before its deadline, at most.
    KEEL_ALWAYS_INLINE nanos patience_of(call& c) const noexcept {
        if (limit.max_wait == nanos(0) || c.stop_requested()) return nanos(0);
        if (c.deadline == no_deadline) return limit.max_wait;
        if (c.deadline <= c.now()) return nanos(0);
        return detail::lesser(limit.max_wait, nanos((c.deadline - c.now()).count() - 1));
    }
};

/// `rate_limit | ...`, `rate_limit({.rate = 100, .per = 1s, .burst = 20}) | ...`,
/// `rate_limit(fixed_window{.limit = 100}) | ...`
inline constexpr rate_limit_policy<> rate_limit{};

} // namespace keel
