#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../detail/macros.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"

#include <cstddef>
#include <exception>
#include <utility>

namespace keel::detail {

/// Where the express lane stopped.
struct junction {
    std::size_t admitted; ///< policies that have admitted, from the outside in
    std::size_t settled;  ///< policies that have settled, from the inside out
    bool invoked;         ///< whether the function ran
};

/// The full nested semantics of a call, from wherever the express lane stopped. Each policy admits, everything inside
/// it runs, and it settles what came of that; if it says so, the inside runs again.
template <class Pipeline, class Channel, class F>
class cold_lane {
  public:
    using result = typename Channel::result;

    cold_lane(Pipeline& p, F& f, const typename Pipeline::stopped& stop) noexcept
      : pipeline_(p)
      , function_(f)
      , call_(stop.c)
      , frames_(stop.fr)
      , at_(stop.at) {
        call_.use(clock_ref(p.clock()));
    }

    result run() {
        run_inside<0>();
        return finish();
    }
    /// The function has returned `r`.
    result run_returned(result& r) {
        outcome_.emplace([&]() -> result { return std::move(r); });
        return run();
    }
    /// The function has thrown what is being handled now.
    result run_thrown() {
        call_.turn();
        outcome_.threw(std::current_exception());
        return run();
    }

  private:
    static constexpr std::size_t size = Pipeline::size;

    template <std::size_t I>
    void run_inside() {
        if constexpr (I == size) {
            if (!std::exchange(at_.invoked, false)) invoke();
        } else {
            if (I >= at_.admitted) {
                const admission a =
                    with_hooks<I>([&](const auto& p, auto&... state) { return p.admit(state..., call_, frame<I>()); });
                if (!a.granted()) return outcome_.reject(a.reason);
            }
            dropped_on_unwinding<I> guard{*this};
            for (;;) {
                run_inside<I + 1>();
                if (I >= size - std::exchange(at_.settled, I < size - at_.settled ? 0 : at_.settled)) break;
                const verdict v = with_hooks<I>(
                    [&](const auto& p, auto&... state) { return p.settle(state..., call_, frame<I>(), outcome_); });
                if (!v.again) break;
                call_.wait_until(call_.now() + v.delay);
                at_ = {0, 0, false};
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

    result finish() {
        if (result* r = outcome_.result()) return std::move(*r);
        if (outcome_.exception()) return Channel::threw(outcome_.exception());
        return Channel::rejected(outcome_.rejection());
    }

    template <std::size_t I>
    auto& frame() noexcept {
        return Pipeline::template frame<I>(frames_);
    }
    template <std::size_t I, class Hook>
    decltype(auto) with_hooks(Hook&& hook) {
        auto& state = pipeline_.template state<I>();
        return with_state(state, [&](auto&... s) -> decltype(auto) { return hook(pipeline_.template get<I>(), s...); });
    }

    // A hook, a predicate or a wait may throw: what policy I took goes back.
    template <std::size_t I>
    struct dropped_on_unwinding {
        cold_lane& lane;
        bool armed = true;

        ~dropped_on_unwinding() {
            if (!armed) return;
            lane.template with_hooks<I>([&](const auto& p, auto&... state) {
                if constexpr (requires { p.abandon(state..., lane.call_, lane.template frame<I>()); }) {
                    p.abandon(state..., lane.call_, lane.template frame<I>());
                }
            });
        }
    };

    Pipeline& pipeline_;
    F& function_;
    call call_;
    typename Pipeline::frames frames_;
    junction at_;
    outcome_of<result> outcome_;
};

} // namespace keel::detail
