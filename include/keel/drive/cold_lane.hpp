#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../detail/macros.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"
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

    cold_lane(Pipeline& p, F& f, const typename Pipeline::stopped& stop, junction at) noexcept
      : pipeline_(p)
      , function_(f)
      , call_(stop.call, at.knows_now(), at.invoked() ? 1 : 0, clock_ref(p.clock()))
      , frames_(stop.frames)
      , admitted_(at.admitted())
      , settled_(at.settled())
      , invoked_(at.invoked()) {}

    /// The function has not run yet, or has thrown what is being handled now.
    result run() {
        if (invoked_) outcome_.threw(std::current_exception());
        return go_on();
    }
    /// The function has returned `r`.
    result run_returned(result& r) {
        outcome_.emplace([&]() -> result { return std::move(r); });
        return go_on();
    }

  private:
    static constexpr std::size_t size = Pipeline::size;

    result go_on() {
        run_inside<0>();
        if (result* r = outcome_.result()) return std::move(*r);
        if (outcome_.exception()) return Channel::threw(outcome_.exception());
        return Channel::rejected(outcome_.rejection(), outcome_.retry_after());
    }

    template <std::size_t I>
    void run_inside() {
        if constexpr (I == size) {
            if (!invoked_) invoke();
            invoked_ = false;
        } else {
            if (I >= admitted_) {
                const admission a = hooks<I>().admit(call_, frame<I>());
                if (!a.granted()) return outcome_.reject(a.reason, a.retry_after);
            }
            dropped_on_unwinding<I> guard{*this};
            for (;;) {
                run_inside<I + 1>();
                if (I >= size - settled_) break; // it has settled on the express lane
                settled_ = 0;
                const verdict v = hooks<I>().settle(call_, frame<I>(), outcome_);
                if (!v.again) break;
                call_.wait_until(call_.now() + v.delay);
                admitted_ = 0;
            }
            guard.armed = false;
        }
    }

    void invoke() {
        ++call_.attempt;
        KEEL_TRY {
            outcome_.emplace([&]() -> result { return pipeline_.template invoke<Channel>(function_, call_); });
        }
        KEEL_CATCH_ALL { outcome_.threw(std::current_exception()); }
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
        bool armed = true;

        ~dropped_on_unwinding() {
            if (armed) lane.template hooks<I>().abandon(lane.call_, lane.template frame<I>());
        }
    };

    Pipeline& pipeline_;
    F& function_;
    call call_;
    typename Pipeline::frames frames_;
    std::size_t admitted_; // by the express lane, as the next two; over once the inside runs again
    std::size_t settled_;
    bool invoked_;
    outcome_of<result> outcome_;
};

} // namespace keel::detail
