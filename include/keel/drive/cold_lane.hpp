#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../clock/clock.hpp"
#include "../context.hpp"
#include "../detail/lesser.hpp"
#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"
#include "function.hpp"
#include "parts.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
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

/// The full nested semantics of a call, from wherever the express lane stopped. Each policy admits, everything inside
/// it runs, and it settles what came of that; if it says so, the inside runs again.
template <class Pipeline, class Channel, class F>
class cold_lane {
  public:
    using result = typename Channel::result;

    cold_lane(Pipeline& pipeline, F& function, const typename Pipeline::stopped& left, junction where) noexcept
      : pipeline_(pipeline)
      , function_(function)
      , call_(left.call, where.knows_now(), where.invoked() ? 1 : 0, clock_ref(pipeline.clock()))
      , frames_(left.frames)
      , admitted_(where.admitted())
      , settled_(where.settled())
      , invoked_(where.invoked()) {
        // What a function was told can have become less, and is what it is.
        if (admitted_ > outermost_retry && !(takes_context<F> && invoked_)) call_.retries_left = pipeline.retries();
    }

    /// The function has not run yet, or has thrown what is being handled now.
    result run() {
        if (invoked_) {
            outcome_.threw(std::current_exception());
            // What is unwinding is not an exception of C++, such as the end of the thread: it passes through.
            foreign_ = !outcome_.exception();
        }
        return go_on();
    }
    /// The function has returned `r`.
    result run_returned(result& r) {
        returned_ = &r;
        return go_on();
    }

  private:
    static constexpr std::size_t size = Pipeline::size;
    static constexpr std::size_t outermost_retry = Pipeline::parts::outermost_retry;

    result go_on() {
        run_inside<0>();
        if (result* r = outcome_.result()) return std::move(*r);
        if (outcome_.exception()) return Channel::threw(outcome_.exception());
        return Channel::rejected(outcome_.rejection(), outcome_.retry_after());
    }

    template <std::size_t I>
    void run_inside() {
        if constexpr (I == size) {
            // Here and not before, so that what has been taken goes back if one of them throws.
            if (foreign_) KEEL_RETHROW;
            if (returned_ != nullptr) outcome_.emplace([&]() -> result { return std::move(*returned_); });
            returned_ = nullptr;
            if (!invoked_) invoke();
            invoked_ = false;
        } else {
            if (I >= admitted_) {
                if (hooks<I>().answer(call_, frame<I>(), outcome_)) return;
                const admission a = hooks<I>().admit(call_, frame<I>());
                if (!a.granted()) return outcome_.refuse(a.reason, a.retry_after);
            }
            if (I == outermost_retry && I >= admitted_) call_.retries_left = pipeline_.retries();
            dropped_on_unwinding<I> guard{*this, I < size - settled_};
            for (;;) {
                run_inside<I + 1>();
                if (I >= size - settled_) break; // it has settled on the express lane
                settled_ = 0;
                const verdict v = hooks<I>().settle(call_, frame<I>(), outcome_);
                if (!v.again) break;
                taken_retry<counts_retries<typename Pipeline::template hooks_of<I>::policy_type>> taken{call_};
                call_.wait_until(call_.now() + lesser(v.delay, longest));
                admitted_ = 0;
                if (!call_.may_try()) break; // the wait was longer than it should be, or no longer wanted
                taken.is_made = true;
            }
            guard.armed = false;
            // What policies further out do is in no attempt of it.
            if (I == outermost_retry) call_.retries_left = any_number_of_retries;
        }
    }

    void invoke() {
        ++call_.attempt;
        const auto told = pipeline_.template tell<F>(call_);
        KEEL_TRY {
            outcome_.emplace([&]() -> result { return Pipeline::template invoke<Channel>(function_, told); });
        }
        KEEL_CATCH_ALL {
            outcome_.threw(std::current_exception());
            if (!outcome_.exception()) KEEL_RETHROW;
        }
        Pipeline::take_back(call_, told);
        call_.turn();
    }

    template <std::size_t I>
    auto& frame() noexcept {
        return detail::at<I>(frames_);
    }
    template <std::size_t I>
    auto hooks() noexcept {
        return pipeline_.template hooks<I>();
    }

    // A hook, a predicate or a wait may throw: what policy I took goes back.
    template <std::size_t I>
    struct dropped_on_unwinding {
        cold_lane& lane;
        bool armed;

        ~dropped_on_unwinding() {
            if (armed) lane.template hooks<I>().abandon(lane.call_, lane.template frame<I>());
        }
    };

    // One that is not made after all goes back, to the calls around this one too.
    template <bool Counted>
    struct taken_retry {
        call& c;
        bool is_made = false;

        ~taken_retry() {
            if (Counted && !is_made) c.give_retry_back();
        }
    };

    Pipeline& pipeline_;
    F& function_;
    call call_;
    typename Pipeline::frames frames_;
    std::size_t admitted_; // by the express lane, as the next two; over once the inside runs again
    std::size_t settled_;
    bool invoked_;
    bool foreign_ = false;
    result* returned_ = nullptr;
    outcome_of<result> outcome_;
};

} // namespace keel::detail
