#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../clock/clock.hpp"
#include "../context.hpp"
#include "../detail/lesser.hpp"
#include "../duration.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"
#include "parts.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace keel::detail {

/// Where the express lane stopped, in one word: compilers write a struct of small members piece by piece and read it as
/// a whole, which stalls for longer than a refused call takes.
class junction {
  public:
    constexpr junction() = default;
    /// `admitted` policies from the outside in, and `settled` ones from the inside out, have done so. `knows_now` says
    /// whether the call knows the time of its last turn.
    constexpr junction(std::size_t admitted, std::size_t settled, bool invoked, bool knows_now) noexcept
      : bits_(admitted << 32 | settled << 2 | std::size_t{invoked} << 1 | std::size_t{knows_now}) {}

    constexpr std::size_t admitted() const noexcept { return bits_ >> 32; }
    constexpr std::size_t settled() const noexcept { return (bits_ & 0xffff'ffff) >> 2; }
    constexpr bool invoked() const noexcept { return (bits_ & 2) != 0; }
    constexpr bool knows_now() const noexcept { return (bits_ & 1) != 0; }

  private:
    std::uint64_t bits_ = 0;
};

/// What is to be done next for a call: to run the function, and say `ended()`; to wait until `due()`, and say
/// `waited()`; to run what is inside the policy that forks, several times at once, and say `ended()`; or nothing more.
enum class step : std::uint8_t { invoke, wait, fork, finish };

/// The full nested semantics of a call, as steps that whoever drives it takes: each policy admits, everything inside it
/// runs, and it settles what came of that; if it says so, the inside runs again. If this ends before the call does,
/// what policies have taken goes back.
///
/// Belongs to one thread at a time.
template <class Pipeline, class R>
class walk {
  public:
    /// From wherever the express lane stopped.
    walk(Pipeline& pipeline, const typename Pipeline::stopped& left, junction where) noexcept
      : pipeline_(pipeline)
      , call_(left.call, where.knows_now(), where.invoked() ? 1 : 0, clock_ref(pipeline.clock()))
      , frames_(left.frames)
      , inside_(where.invoked() ? size - where.settled() : where.admitted()) {
        if (!in_attempt()) call_.retries_left = any_number_of_retries;
    }
    /// For a part of a call: only through the policies inside of the `base` outermost ones.
    walk(Pipeline& pipeline, const call& part, std::size_t base) noexcept
      : pipeline_(pipeline)
      , call_(part)
      , frames_(typename Pipeline::express_frames{})
      , base_(base)
      , inside_(base) {}
    /// What another walk needs in order to go on from a pause between two steps. It knows no outcome.
    struct paused {
        typename Pipeline::frames frames;
        time_point due{};
        time_point deadline{};
        const context* outer = nullptr;
        std::uint32_t retries_left = 0;
        std::uint32_t attempt = 0;
        std::uint32_t inside = 0;
        bool asked_to_wait = false;
        bool takes_retry = false;
    };
    walk(Pipeline& pipeline, paused&& p) noexcept
      : pipeline_(pipeline)
      , call_({p.deadline, time_point::min(), p.outer, p.retries_left}, false, p.attempt, clock_ref(pipeline.clock()))
      , frames_(std::move(p.frames))
      , inside_(p.inside)
      , asked_to_wait_(p.asked_to_wait)
      , takes_retry_(p.takes_retry)
      , due_(p.due) {}
    walk(const walk&) = delete;
    walk& operator=(const walk&) = delete;
    ~walk() {
        if (takes_retry_) call_.give_retry_back();
        if (asked_to_wait_) abandon(inside_);
        while (inside_ != base_)
            abandon(--inside_);
    }

    /// Ends this one. What it was to give back, the one that goes on does.
    paused pause() noexcept {
        const call::remains left = call_.leave();
        return {.frames = std::move(frames_),
                .due = due_,
                .deadline = left.deadline,
                .outer = left.outer,
                .retries_left = left.retries_left,
                .attempt = call_.attempt,
                .inside = static_cast<std::uint32_t>(std::exchange(inside_, base_)),
                .asked_to_wait = std::exchange(asked_to_wait_, false),
                .takes_retry = std::exchange(takes_retry_, false)};
    }

    call& of() noexcept { return call_; }
    outcome_of<R>& outcome() noexcept { return outcome_; }
    time_point due() const noexcept { return due_; }

    /// Whether the function is in the attempt of a policy that runs it again.
    bool in_attempt() const noexcept { return inside_ > outermost_retry; }
    void share_retries() noexcept { call_.retries_left = pipeline_.retries(); }

    /// Goes in from where it is.
    step go_in() {
        while (inside_ != size) {
            step then = step::invoke;
            at(inside_, [&]<std::size_t I> { then = enter<I>(); });
            if (then == step::wait) return then;
            if (then == step::finish) return go_out();
            if (inside_ == outermost_fork + 1 && base_ <= outermost_fork) return step::fork;
        }
        return step::invoke;
    }
    /// The function has ended as `outcome()` says.
    step ended() { return go_out(); }
    step waited() {
        if (asked_to_wait_) return go_in();
        // The wait was longer than it should be, or is no longer wanted.
        const bool is_made = call_.may_try();
        if (std::exchange(takes_retry_, false) && !is_made) call_.give_retry_back();
        if (!is_made) {
            leave();
            return go_out();
        }
        return go_in();
    }

  private:
    static constexpr std::size_t size = Pipeline::size;
    static constexpr std::size_t outermost_retry = Pipeline::parts::outermost_retry;
    static constexpr std::size_t outermost_fork = Pipeline::parts::outermost_fork;

    template <class F>
    static void at(std::size_t i, F f) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            static_cast<void>(((I == i && (f.template operator()<I>(), true)) || ...));
        }(std::make_index_sequence<size>());
    }

    /// `finish`: nothing inside of policy I runs.
    template <std::size_t I>
    step enter() {
        asked_to_wait_ = false;
        if (hooks<I>().answer(call_, frame<I>(), outcome_)) return step::finish;
        const admission a = hooks<I>().admit(call_, frame<I>());
        if (a.waits) {
            asked_to_wait_ = true;
            return wait_for(a.retry_after);
        }
        if (!a.granted()) {
            outcome_.refuse(a.reason, a.retry_after);
            return step::finish;
        }
        ++inside_;
        if (I == outermost_retry) share_retries();
        return step::invoke;
    }

    step go_out() {
        while (inside_ != base_) {
            verdict v;
            bool counts = false;
            at(inside_ - 1, [&]<std::size_t I> {
                v = hooks<I>().settle(call_, frame<I>(), outcome_);
                counts = counts_retries<typename Pipeline::template hooks_of<I>::policy_type>;
            });
            if (v.again) {
                takes_retry_ = counts;
                return wait_for(v.delay);
            }
            leave();
        }
        return step::finish;
    }
    step wait_for(nanos delay) noexcept {
        due_ = call_.now() + lesser(delay, longest);
        return step::wait;
    }
    void abandon(std::size_t i) noexcept {
        at(i, [this]<std::size_t I> { hooks<I>().abandon(call_, frame<I>()); });
    }
    void leave() noexcept {
        --inside_;
        // What policies further out do is in no attempt of it.
        if (inside_ == outermost_retry) call_.retries_left = any_number_of_retries;
    }

    template <std::size_t I>
    auto& frame() noexcept {
        return detail::at<I>(frames_);
    }
    template <std::size_t I>
    auto hooks() noexcept {
        return pipeline_.template hooks<I>();
    }

    Pipeline& pipeline_;
    call call_;
    typename Pipeline::frames frames_;
    std::size_t base_ = 0;
    std::size_t inside_;         ///< of how many policies, counted from the outside in, the call is
    bool asked_to_wait_ = false; ///< by the policy that it would enter next
    bool takes_retry_ = false;   ///< once the wait is over
    time_point due_{};
    outcome_of<R> outcome_;
};

} // namespace keel::detail
