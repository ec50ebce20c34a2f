#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "clock/clock.hpp"
#include "context.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"

#include <cstdint>

namespace keel {

/// One execution of a pipeline, as its policies see it. Belongs to the thread that runs the call.
class call {
  public:
    call() = default;
    /// For asking a policy's state by hand, without a pipeline.
    explicit call(clock_ref clock) noexcept
      : clock_(clock) {}
    call(clock_ref clock, const context& outer) noexcept
      : deadline(outer.deadline_)
      , clock_(clock)
      , outer_(&outer) {}

    /// When the work must be done, by the nearest timeout so far. A policy that lowers it in `admit` restores it in
    /// `settle` and in `abandon`.
    time_point deadline = no_deadline;

    /// How often the function has been invoked so far: 0 in the first `admit`.
    std::uint32_t attempt = 0;

    /// How many retries are left for this call and all calls made inside its attempts together. A policy takes one by
    /// `take_retry()`.
    std::uint32_t retries_left = detail::any_number_of_retries;

    /// Takes one retry from this call, and one from every call in whose attempt it is made. Returns false, and takes
    /// none, if one of them has none left. A policy asks this last, right before it says `again_after`.
    bool take_retry() noexcept {
        if (retries_left == 0 || (outer_ != nullptr && !outer_->take_retry())) return false;
        if (retries_left != detail::any_number_of_retries) --retries_left;
        return true;
    }

    /// For drivers. Gives back what `take_retry()` took, for an attempt that is not made after all.
    void give_retry_back() noexcept {
        if (outer_ != nullptr) outer_->give_retry_back();
        if (retries_left != detail::any_number_of_retries) ++retries_left;
    }

    /// Whether another attempt may begin: no stop was requested, and there is time left.
    bool may_try() noexcept { return !stop_requested() && (deadline == no_deadline || now() < deadline); }

    /// The time of the call's latest turn: its entry, or the end of an attempt, a fallback or a wait. The clock is read
    /// at most once for each turn, when somebody first asks.
    KEEL_ALWAYS_INLINE time_point now() noexcept {
        if (!knows_now_) turn_at(clock_.now());
        return now_;
    }

    /// The same without reading a clock, for fast hooks: `time_point::min()` where no policy `needs` the time.
    time_point known_now() const noexcept { return now_; }

    /// Whether the caller wants the call to end.
    bool stop_requested() const noexcept { return outer_ != nullptr && outer_->stop_requested(); }

    /// For drivers, and for policies that have run a user's function: time has passed, so the next `now()` reads the
    /// clock again.
    void turn() noexcept {
        knows_now_ = false;
        now_ = time_point::min();
    }
    /// For drivers. As `turn()`, where the time is already known.
    void turn_at(time_point t) noexcept {
        now_ = t;
        knows_now_ = true;
    }
    /// For drivers.
    void wait_until(time_point t) {
        clock_.sleep_until(t);
        turn();
    }
    /// The context that the function would get now. Refers to this call's clock.
    context as_context() const noexcept { return as_context(clock_); }
    /// For drivers.
    context as_context(clock_ref clock) const noexcept { return {clock, deadline, attempt, retries_left, outer_}; }
    /// For drivers, once the function and all that it started have ended: takes over how many retries the calls inside
    /// it have left.
    void take_back(const context& told) noexcept { retries_left = told.retries_left_; }

    /// For drivers. What the express lane knows of a call, so that another lane can continue it.
    struct remains {
        time_point deadline;
        time_point now;
        const context* outer;
        std::uint32_t retries_left;
    };
    remains leave() const noexcept { return {deadline, now_, outer_, retries_left}; }
    call(const remains& r, bool knows_now, std::uint32_t attempts_made, clock_ref clock) noexcept
      : deadline(r.deadline)
      , attempt(attempts_made)
      , retries_left(r.retries_left)
      , knows_now_(knows_now)
      , now_(r.now)
      , clock_(clock)
      , outer_(r.outer) {}

    /// Calls `f` with the context that the function would get now, and returns what it returns. To the right of a
    /// `retry`, calls made inside `f` take their retries from this call's.
    template <class F>
    decltype(auto) tell(const F& f) {
        const struct telling {
            call& of;
            const context told;
            ~telling() { of.take_back(told); }
        } now{*this, as_context()};
        return f(now.told);
    }

    /// For drivers. What is known of a call that has just begun: small enough for registers.
    struct entry {
        time_point now;
        const context* outer;
    };
    entry entered() const noexcept { return {now_, outer_}; }
    call(entry e, bool knows_now, clock_ref clock) noexcept
      : deadline(e.outer == nullptr ? no_deadline : e.outer->deadline_)
      , knows_now_(knows_now)
      , now_(e.now)
      , clock_(clock)
      , outer_(e.outer) {}

  private:
    bool knows_now_ = false;
    time_point now_ = time_point::min();
    clock_ref clock_;
    const context* outer_ = nullptr;
};

} // namespace keel
