#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../call.hpp"
#include "../../clock/clock.hpp"
#include "../../context.hpp"
#include "../../drive/walk.hpp"
#include "../../duration.hpp"
#include "../../error.hpp"

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace keel::detail {

/// The steps of a call for a driver that can be suspended between them: on the express lane as long as that goes well.
/// If it ends before the call does, what policies have taken goes back.
template <class Lanes, class Channel>
class course {
    using result = typename Channel::result;

  public:
    course(Lanes& pipeline, const call& c) noexcept
      : pipeline_(pipeline)
      , call_(c) {}
    course(const course&) = delete;
    course& operator=(const course&) = delete;
    ~course() {
        if (is_express_) leave_express(0, false);
    }

    step begin() {
        std::size_t admitted = 0;
        bool knows_now = false;
        is_express_ = pipeline_.try_admit(call_, frames_, admitted, knows_now);
        if (!is_express_) {
            walk_.emplace(pipeline_, left(), junction(admitted, 0, false, knows_now));
            return next(walk_->go_in());
        }
        ++call_.attempt;
        call_.turn();
        call_.retries_left = pipeline_.retries();
        return step::invoke;
    }
    time_point due() const noexcept { return walk_->due(); }
    step waited() {
        walk_->of().turn();
        return next(walk_->waited());
    }

    /// What the attempt that is to be made is told. To be handed in again with what came of that.
    context tell() noexcept { return of().as_context(clock_ref(pipeline_.clock())); }
    step returned(const context& told, result&& r) {
        end_attempt(told);
        if (is_express_) {
            std::size_t settled = 0;
            bool knows_now = false;
            if (pipeline_.try_settle(call_, frames_, r, settled, knows_now)) {
                is_express_ = false;
                returned_.emplace(std::move(r));
                return step::finish;
            }
            leave_express(settled, knows_now);
        }
        walk_->outcome().emplace([&]() -> result { return std::move(r); });
        return next(walk_->ended());
    }
    step threw(const context& told, std::exception_ptr thrown, bool cancelled) {
        end_attempt(told);
        if (is_express_) leave_express(0, false);
        walk_->outcome().threw(std::move(thrown), cancelled);
        return next(walk_->ended());
    }
    step timed_out(const context& told) {
        end_attempt(told);
        if (is_express_) leave_express(0, false);
        walk_->outcome().reject(errc::timed_out);
        return next(walk_->ended());
    }

    /// Of a call that has finished. May throw, as the channel does.
    result take() {
        if (returned_) return *std::move(returned_);
        auto& outcome = walk_->outcome();
        if (result* r = outcome.result()) return std::move(*r);
        if (outcome.exception()) return Channel::threw(outcome.exception());
        return Channel::rejected(outcome.rejection(), outcome.retry_after());
    }

  private:
    call& of() noexcept { return walk_ ? walk_->of() : call_; }
    typename Lanes::stopped left() const noexcept { return {call_.leave(), frames_}; }
    void leave_express(std::size_t settled, bool knows_now) {
        is_express_ = false;
        walk_.emplace(pipeline_, left(), junction(Lanes::size, settled, true, knows_now));
    }
    void end_attempt(const context& told) noexcept {
        of().take_back(told);
        of().turn();
    }
    step next(step s) noexcept {
        if (s == step::invoke) ++walk_->of().attempt;
        return s;
    }

    Lanes& pipeline_;
    call call_;
    typename Lanes::express_frames frames_{};
    bool is_express_ = false;
    std::optional<result> returned_;
    std::optional<walk<Lanes, result>> walk_;
};

} // namespace keel::detail
