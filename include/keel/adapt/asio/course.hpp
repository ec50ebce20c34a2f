#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../call.hpp"
#include "../../clock/clock.hpp"
#include "../../context.hpp"
#include "../../drive/walk.hpp"
#include "../../duration.hpp"
#include "../../result.hpp"
#include "steps.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// What `co_await` gives for a function that gives `Raw`.
template <class Raw, class Channel>
using answer_of = std::conditional_t<reports_errors<Raw>, typename Channel::result, Raw>;

/// What a call ends with whose caller has cancelled it between two attempts: an error if one can say so.
template <class Raw, class Channel>
answer_of<Raw, Channel> cancelled_result() {
    const boost::system::error_code aborted = boost::asio::error::operation_aborted;
    if constexpr (std::same_as<Raw, std::error_code>) {
        return aborted;
    } else if constexpr (reports_errors<Raw>) {
        using error = typename Raw::error_type;
        // Boost's code made from a standard one would not be equal to Asio's.
        using code = std::conditional_t<std::constructible_from<error, boost::system::error_code>,
                                        boost::system::error_code, std::error_code>;
        if constexpr (std::constructible_from<error, code>) {
            const auto says = [&] { return from_error<Raw>(error(code(aborted))); };
            return Channel::invoke(says);
        }
    }
    throw boost::system::system_error(aborted);
}

/// A call for a driver that can be suspended between its steps: on the express lane as long as that goes well. If it
/// ends before the call does, what policies have taken goes back.
template <class Lanes, class Raw, class Channel>
class course {
  public:
    using lanes = Lanes;
    using raw = Raw;
    using channel = Channel;
    using result = typename Channel::result;
    using answer = answer_of<Raw, Channel>;
    static constexpr bool forks = Lanes::parts::outermost_fork != Lanes::size;

    struct start {
        Lanes& pipeline;
        const context* outer;
    };
    explicit course(const start& from) noexcept
      : pipeline_(from.pipeline)
      , call_(from.outer == nullptr ? call(clock_ref(pipeline_.clock()))
                                    : call(clock_ref(pipeline_.clock()), *from.outer)) {}
    course(const course&) = delete;
    course& operator=(const course&) = delete;
    ~course() {
        if (is_express_) leave_express(0, false);
    }

    Lanes& pipeline() const noexcept { return pipeline_; }

    step begin() {
        std::size_t admitted = 0;
        bool knows_now = false;
        is_express_ = pipeline_.try_admit(call_, frames_, admitted, knows_now);
        call_.retries_left = pipeline_.retries();
        if (!is_express_) {
            nested_.emplace(pipeline_, left(), junction(admitted, 0, false, knows_now));
            return nested_->go_in();
        }
        ++call_.attempt;
        call_.turn();
        return step::invoke;
    }
    time_point due() const noexcept { return nested_->due(); }
    step waited() { return nested_->waited(); }
    context tell() noexcept { return nested_ ? nested_->tell() : call_.as_context(clock_ref(pipeline_.clock())); }

    step returned(const context& told, result&& r) {
        if (is_express_) {
            call_.take_back(told);
            std::size_t settled = 0;
            bool knows_now = false;
            if (pipeline_.try_settle(call_, frames_, r, settled, knows_now)) {
                is_express_ = false;
                returned_.emplace(std::move(r));
                return step::finish;
            }
            leave_express(settled, knows_now);
        }
        return nested_->returned(told, std::move(r));
    }
    step threw(const context& told, std::exception_ptr thrown, bool cancelled) {
        if (is_express_) leave_express(0, false);
        return nested_->threw(told, std::move(thrown), cancelled);
    }
    step timed_out(const context& told) {
        if (is_express_) leave_express(0, false);
        return nested_->timed_out(told);
    }
    /// The call within which something forks.
    steps<Lanes, result>& nested() noexcept { return *nested_; }

    /// Of a call that has finished. May throw, as the channel does.
    answer take() {
        if constexpr (std::is_void_v<answer>)
            static_cast<void>(taken());
        else
            return taken();
    }
    /// Whether anything but the cancellation state of the coroutine says that the call is cancelled, or that whatever
    /// comes of it counts as ignored.
    static constexpr bool is_cancelled() noexcept { return false; }
    static constexpr bool is_lost() noexcept { return false; }
    /// Of a call that its caller has cancelled: what its last attempt ended with, if it did so because of that.
    static answer cancelled(const std::exception_ptr& thrown, std::optional<result>&& returned) {
        if (thrown) std::rethrow_exception(thrown);
        if constexpr (reports_errors<Raw>) {
            if (returned) return *std::move(returned);
        }
        return cancelled_result<Raw, Channel>();
    }
    /// The same within a fork, whose end `nested().outcome()` is.
    answer cancelled() {
        std::optional<result> returned;
        if (result* r = nested_->outcome().result()) returned.emplace(std::move(*r));
        return cancelled(nested_->outcome().exception(), std::move(returned));
    }

  private:
    result taken() {
        if (returned_) return *std::move(returned_);
        auto& outcome = nested_->outcome();
        if (result* r = outcome.result()) return std::move(*r);
        if (outcome.exception()) return Channel::threw(outcome.exception());
        return Channel::rejected(outcome.rejection(), outcome.retry_after());
    }
    typename Lanes::stopped left() const noexcept { return {call_.leave(), frames_}; }
    void leave_express(std::size_t settled, bool knows_now) {
        is_express_ = false;
        nested_.emplace(pipeline_, left(), junction(Lanes::size, settled, true, knows_now));
    }

    Lanes& pipeline_;
    call call_;
    typename Lanes::express_frames frames_{};
    bool is_express_ = false;
    std::optional<result> returned_;
    std::optional<steps<Lanes, result>> nested_;
};

} // namespace keel::detail
