#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../detail/macros.hpp"
#include "function.hpp"
#include "walk.hpp"

#include <exception>
#include <utility>

namespace keel::detail {

/// Takes the steps of a call on the calling thread, from wherever the express lane stopped: waits block it.
template <class Pipeline, class Channel, class F>
class cold_lane {
  public:
    using result = typename Channel::result;

    cold_lane(Pipeline& pipeline, F& function, const typename Pipeline::stopped& left, junction where) noexcept
      : pipeline_(pipeline)
      , function_(function)
      , walk_(pipeline, left, where)
      , invoked_(where.invoked()) {
        // A function that was told its retries may have used some in calls inside it: those that are left are kept.
        if (walk_.in_attempt() && !(takes_context<F> && invoked_)) walk_.share_retries();
    }

    /// The function has not run yet, or has thrown what is being handled now.
    result run() {
        if (!invoked_) return take(walk_.go_in());
        walk_.outcome().threw(std::current_exception());
        // What is unwinding is not an exception of C++, such as the end of the thread: it passes through.
        if (!walk_.outcome().exception()) KEEL_RETHROW;
        return take(walk_.ended());
    }
    /// The function has returned `r`.
    result run_returned(result& r) {
        walk_.outcome().begin([&]() -> result { return std::move(r); });
        return take(walk_.ended());
    }

  private:
    result take(step next) {
        while (next != step::finish) {
            if (next == step::wait) {
                walk_.of().wait_until(walk_.due());
                next = walk_.waited();
            } else {
                invoke();
                next = walk_.ended();
            }
        }
        auto& outcome = walk_.outcome();
        if (result* r = outcome.result()) return std::move(*r);
        if (outcome.exception()) return Channel::threw(outcome.exception());
        return Channel::rejected(outcome.rejection(), outcome.retry_after());
    }

    void invoke() {
        call& c = walk_.of();
        ++c.attempt;
        const auto told = pipeline_.template tell<F>(c);
        KEEL_TRY {
            walk_.outcome().emplace([&]() -> result { return Pipeline::template invoke<Channel>(function_, told); });
        }
        KEEL_CATCH_ALL {
            walk_.outcome().threw(std::current_exception());
            if (!walk_.outcome().exception()) KEEL_RETHROW;
        }
        Pipeline::take_back(c, told);
        c.turn();
    }

    Pipeline& pipeline_;
    F& function_;
    walk<Pipeline, result> walk_;
    bool invoked_;
};

} // namespace keel::detail
