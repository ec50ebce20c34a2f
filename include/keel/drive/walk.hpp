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

/// How far a walk has come. Of no chain: what depends on one, compilers make again for each.
class walk_progress {
  public:
    walk_progress(const walk_progress&) = delete;
    walk_progress& operator=(const walk_progress&) = delete;

    call& of() noexcept { return call_; }
    time_point due() const noexcept { return due_; }

  protected:
    walk_progress(const call& c, std::size_t base, std::size_t inside) noexcept
      : call_(c)
      , base_(base)
      , inside_(inside) {}

    step wait_for(nanos delay) noexcept {
        due_ = call_.now() + lesser(delay, longest);
        return step::wait;
    }

    call call_;
    std::size_t base_;
    std::size_t inside_;         ///< of how many policies, counted from the outside in, the call is
    bool asked_to_wait_ = false; ///< by the policy that it would enter next
    bool takes_retry_ = false;   ///< once the wait is over
    time_point due_{};
};

/// The full nested semantics of a call, as steps that whoever drives it takes: each policy admits, everything inside it
/// runs, and it settles what came of that; if it says so, the inside runs again. If this ends before the call does,
/// what policies have taken goes back.
///
/// Belongs to one thread at a time.
template <class Pipeline, class R>
class walk : public walk_progress {
  public:
    /// From wherever the express lane stopped.
    walk(Pipeline& pipeline, const typename Pipeline::stopped& left, junction where) noexcept
      : walk_progress(call(left.call, where.knows_now(), where.invoked() ? 1 : 0, clock_ref(pipeline.clock())), 0,
                      where.invoked() ? size - where.settled() : where.admitted())
      , pipeline_(pipeline)
      , frames_(left.frames) {
        if (!in_attempt()) call_.retries_left = any_number_of_retries;
    }
    /// For a part of a call: only through the policies inside of the `base` outermost ones.
    walk(Pipeline& pipeline, const call& part, std::size_t base) noexcept
      : walk_progress(part, base, base)
      , pipeline_(pipeline)
      , frames_(typename Pipeline::express_frames{}) {}
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
      : walk_progress(call({p.deadline, time_point::min(), p.outer, p.retries_left}, false, p.attempt,
                           clock_ref(pipeline.clock())),
                      0, p.inside)
      , pipeline_(pipeline)
      , frames_(std::move(p.frames)) {
        asked_to_wait_ = p.asked_to_wait;
        takes_retry_ = p.takes_retry;
        due_ = p.due;
    }
    ~walk() {
        if (takes_retry_) call_.give_retry_back();
        if (asked_to_wait_) abandon(inside_, indices{});
        while (inside_ != base_)
            abandon(--inside_, indices{});
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

    outcome_of<R>& outcome() noexcept { return outcome_; }

    /// Whether the function is in the attempt of a policy that runs it again.
    bool in_attempt() const noexcept { return inside_ > outermost_retry; }
    void share_retries() noexcept { call_.retries_left = pipeline_.retries(); }

    /// Goes in from where it is.
    step go_in() {
        while (inside_ != size) {
            const step then = enter(indices{});
            if (then == step::wait) return then;
            if (then == step::finish) return ended();
            if (inside_ == outermost_fork + 1 && base_ <= outermost_fork) return step::fork;
        }
        return step::invoke;
    }
    /// The function has ended as `outcome()` says.
    step ended() {
        while (inside_ != base_) {
            bool counts = false;
            const verdict v = settle(counts, indices{});
            if (v.again) {
                takes_retry_ = counts;
                return wait_for(v.delay);
            }
            leave();
        }
        return step::finish;
    }
    step waited() {
        if (asked_to_wait_) return go_in();
        // The wait was longer than it should be, or is no longer wanted.
        const bool is_made = call_.may_try();
        if (std::exchange(takes_retry_, false) && !is_made) call_.give_retry_back();
        if (!is_made) {
            leave();
            return ended();
        }
        return go_in();
    }

  private:
    static constexpr std::size_t size = Pipeline::size;
    static constexpr std::size_t outermost_retry = Pipeline::parts::outermost_retry;
    static constexpr std::size_t outermost_fork = Pipeline::parts::outermost_fork;

    // Each acts on one policy, which is known when this runs. Folds and no visitors, of which compilers would make
    // several functions for each policy of each chain.
    using indices = std::make_index_sequence<size>;

    /// `finish`: nothing inside of the next policy runs.
    template <std::size_t... I>
    step enter(std::index_sequence<I...>) {
        asked_to_wait_ = false;
        bool answered = false;
        static_cast<void>(((I == inside_ &&
                            (answered = pipeline_.template hooks<I>().answer(call_, at<I>(frames_), outcome_), true)) ||
                           ...));
        if (answered) return step::finish;
        admission a;
        static_cast<void>(
            ((I == inside_ && (a = pipeline_.template hooks<I>().admit(call_, at<I>(frames_)), true)) || ...));
        if (a.waits) {
            asked_to_wait_ = true;
            return wait_for(a.retry_after);
        }
        if (!a.granted()) {
            outcome_.refuse(a.reason, a.retry_after);
            return step::finish;
        }
        if (inside_++ == outermost_retry) share_retries();
        return step::invoke;
    }
    /// By the policy that the call is in the inside of. `counts` whether what it runs again is a retry.
    template <std::size_t... I>
    verdict settle(bool& counts, std::index_sequence<I...>) {
        verdict v;
        static_cast<void>(((I + 1 == inside_ &&
                            (v = pipeline_.template hooks<I>().settle(call_, at<I>(frames_), outcome_),
                             counts = counts_retries<typename Pipeline::template hooks_of<I>::policy_type>, true)) ||
                           ...));
        return v;
    }
    template <std::size_t... I>
    void abandon(std::size_t i, std::index_sequence<I...>) noexcept {
        static_cast<void>(((I == i && (pipeline_.template hooks<I>().abandon(call_, at<I>(frames_)), true)) || ...));
    }
    void leave() noexcept {
        --inside_;
        // What policies further out do is in no attempt of it.
        if (inside_ == outermost_retry) call_.retries_left = any_number_of_retries;
    }

    Pipeline& pipeline_;
    typename Pipeline::frames frames_;
    outcome_of<R> outcome_;
};

} // namespace keel::detail
