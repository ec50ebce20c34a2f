#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../detail/macros.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/version.hpp>
#include <utility>

namespace keel::detail {
struct coroutine_thread_tag;

// Awaited, it tells whether anything has suspended the thread of execution so far. Boost 1.89 does without that.
#if BOOST_ASIO_VERSION < 103500
using is_switched = boost::asio::detail::awaitable_thread_has_context_switched;
#else
using is_switched = boost::asio::detail::awaitable_thread_is_launching;
#endif

} // namespace keel::detail

// A coroutine and those that it awaits are one thread of execution to Asio: the operations that they begin complete on
// its executor and are cancelled through its slot. Asio has other ones only for a thread of their own, which takes
// several allocations. This gives them to the thread that runs, for a while.
//
// A specialization, because the frame that knows them calls this template its friend. With a version of Asio in which
// that is not so, this does not compile.
template <>
class boost::asio::detail::awaitable_handler_base<boost::asio::any_io_executor, keel::detail::coroutine_thread_tag>
  : public awaitable_thread<boost::asio::any_io_executor> {
    using base = awaitable_thread<boost::asio::any_io_executor>;
    using frame = awaitable_frame_base<boost::asio::any_io_executor>;
    using entry_frame = awaitable_frame<awaitable_thread_entry_point, boost::asio::any_io_executor>;

  public:
    /// What operations begin with.
    struct surroundings {
        boost::asio::any_io_executor executor;
        boost::asio::cancellation_slot parent;
        boost::asio::cancellation_state state;
    };

    /// The frame at its bottom, which stays where it is as long as the thread exists.
    class entry {
      public:
        explicit entry(entry_frame& frame) noexcept
          : frame_(&frame) {}
        const boost::asio::any_io_executor& executor() const noexcept { return frame_->u_.executor_; }
        /// Gives it the surroundings `s`, and `s` those that it had.
        void exchange(surroundings& s) const noexcept {
            std::swap(frame_->u_.executor_, s.executor);
            std::swap(frame_->parent_cancellation_slot_, s.parent);
            std::swap(frame_->cancellation_state_, s.state);
        }

      private:
        friend awaitable_handler_base;
        entry_frame* frame_;
    };

    /// The coroutine that has just been suspended with this frame goes on within `run(resume, entry)`, while `resume()`
    /// runs: until it is suspended again, then that returns true; or until it goes on behind, see `go_on_behind`.
    /// `was_switched` is what `is_switched` was, which this leaves as it is.
    template <class Run>
    static base* go_on_within(frame* suspended, bool was_switched, const Run& run) {
        base* const outer = suspended->detach_thread();
        awaitable_handler_base thread(outer);
        entry_frame& bottom = *thread.entry_point();
        restore(bottom, was_switched);
        within here(bottom);
        run(
            [&] {
                bottom.top_of_stack_->attach_thread(&thread);
                thread.pump();
                return !here.left.valid();
            },
            entry(bottom));
        if (here.left.valid()) {
            outer->*bottom_of = std::move(here.left);
            bottom.top_of_stack_->attach_thread(outer);
        }
        return nullptr;
    }
    /// Whether on this stack that thread goes on within something.
    static bool is_within(const entry& thread) noexcept { return within::of(*thread.frame_) != nullptr; }
    /// The coroutine that has just been suspended with this frame goes on once its innermost `run` has returned.
    static base* go_on_behind(frame* suspended, bool was_switched) {
        base* const thread = suspended->detach_thread();
        within& here = *within::of(*thread->entry_point());
        here.left = std::move(thread->*bottom_of);
        restore(here.thread, was_switched);
        return nullptr;
    }

  private:
    struct within {
        entry_frame& thread;
        within* const around = innermost;
        awaitable<awaitable_thread_entry_point, boost::asio::any_io_executor> left{};

        explicit within(entry_frame& of) noexcept
          : thread(of) {
            innermost = this;
        }
        within(const within&) = delete;
        within& operator=(const within&) = delete;
        ~within() { innermost = around; }

        /// Not always the innermost one: an operation may begin with running another coroutine that completes it.
        static within* of(const entry_frame& thread) noexcept {
            within* each = innermost;
            while (each != nullptr && &each->thread != &thread)
                each = each->around;
            return each;
        }

        KEEL_PROCESS_WIDE static inline constinit thread_local within* innermost = nullptr;
    };

    static void restore([[maybe_unused]] entry_frame& thread, [[maybe_unused]] bool was_switched) noexcept {
#if BOOST_ASIO_VERSION < 103500
        thread.has_context_switched_ = was_switched;
#endif
    }
    explicit awaitable_handler_base(base* from)
      : base(std::move(*from)) {}

    static constexpr auto bottom_of = &awaitable_handler_base::bottom_of_stack_;
};

namespace keel::detail {
using coroutine_thread =
    boost::asio::detail::awaitable_handler_base<boost::asio::any_io_executor, coroutine_thread_tag>;
}
