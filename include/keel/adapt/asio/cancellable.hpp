#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../clock/clock.hpp"
#include "../../duration.hpp"
#include "alarm.hpp"
#include "coroutine_thread.hpp"
#include "gate.hpp"
#include "section_executor.hpp"
#include "virtual_time.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// An attempt that a deadline can cancel, and that the caller's cancellation still reaches. The attempt is whatever a
/// coroutine awaits from when it has awaited `begin` until it calls `end`.
class cancellable {
  public:
    cancellable() = default;
    cancellable(const cancellable&) = delete;
    cancellable& operator=(const cancellable&) = delete;
    /// The coroutine is destroyed in the midst of the attempt. Nothing of what surrounds it may exist any more.
    ~cancellable() {
        if (gate_) gate_->close();
    }

    /// To be awaited as a function of the frame of the coroutine that awaits it.
    template <class Frame, monotonic_clock Clock>
    auto begin(Frame* suspended, bool was_switched, const Clock& clock, time_point deadline) {
        const auto cancel = [](const gate::ref& through) {
            return [of = gate::watcher(through)](boost::asio::cancellation_type_t t) {
                // The attempt may end meanwhile, and with it this function.
                gate::watcher(of)->cancel(t);
            };
        };
        return begin(suspended, was_switched, cancel,
                     [&](const gate::ref& through) { cancel_at(through, clock, deadline); });
    }
    /// Without a deadline. `by_caller(gate)` is what a cancellation by the caller calls. `suspended_first(gate)` is
    /// called if the attempt is suspended; nothing of the coroutine may be left by then.
    template <class Frame, class ByCaller, class Suspended>
    auto begin(Frame* suspended, bool was_switched, const ByCaller& by_caller, const Suspended& suspended_first) {
        return coroutine_thread::go_on_within(suspended, was_switched, [&](auto resume, coroutine_thread::entry on) {
            // Another thread may end the attempt, and this with it, as soon as it is suspended.
            const gate::ref through = gate::ref::taken(on.executor());
            const gate::section first(through);
            const opened_at_end last{through}; // also if anything can't be begun
            gate_ = through;
            thread_.emplace(on);
            const bool in_strand = under_strand(on.executor()) != on.executor();
            kept_ = {in_strand ? on.executor() : boost::asio::any_io_executor(section_executor(through)),
                     through->slot(),
                     boost::asio::cancellation_state(through->slot(), boost::asio::enable_total_cancellation())};
            on.exchange(kept_);
            if (auto slot = kept_.state.slot(); slot.is_connected()) slot.assign(by_caller(through));
            if (resume()) suspended_first(through);
        });
    }
    /// Lets others cancel it.
    const gate::ref& through() const noexcept { return gate_; }

    /// Whether `leave` is to be awaited before `end`: the attempt has not been suspended, and would leave more and more
    /// of itself on the stack.
    bool is_to_leave() const noexcept { return gate_ && coroutine_thread::is_within(*thread_); }
    template <class Frame>
    static auto leave(Frame* suspended, bool was_switched) {
        return coroutine_thread::go_on_behind(suspended, was_switched);
    }
    /// Whether the deadline has cancelled it.
    bool end() {
        if (!gate_) return false;
        gate_->close();
        if (auto slot = kept_.state.slot(); slot.is_connected()) slot.clear();
        thread_->exchange(kept_);
        kept_ = {};
        return std::exchange(gate_, {})->was_late();
    }

  private:
    struct opened_at_end {
        const gate::ref& through;
        ~opened_at_end() { through->opened(); }
    };

    // What a strand runs is one section after the other already.
    static boost::asio::any_io_executor under_strand(const boost::asio::any_io_executor& e) {
        boost::asio::any_io_executor under = e;
        const auto look_under = [&]<class Inner>(std::type_identity<Inner>) {
            const auto* strand = e.target<boost::asio::strand<Inner>>();
            if (strand != nullptr) under = strand->get_inner_executor();
            return strand != nullptr;
        };
        static_cast<void>(look_under(std::type_identity<boost::asio::io_context::executor_type>()) ||
                          look_under(std::type_identity<boost::asio::any_io_executor>()) ||
                          look_under(std::type_identity<boost::asio::thread_pool::executor_type>()));
        return under;
    }

    // Few alarms ring, so only that is for the strand.
    template <monotonic_clock Clock>
    static void cancel_at(const gate::ref& through, const Clock& clock, time_point deadline) {
        alarm& a = through->deadline();
        a.set(under_strand(through->inner()), clock, deadline, alarm_order::last);
        const auto rung = [through](boost::system::error_code ended) {
            if (!through->deadline().has_rung(ended)) return;
            boost::asio::dispatch(through->inner(), [through] { through->cancel_at_deadline(); });
        };
        a.async_wait(boost::asio::bind_allocator(gate::allocator<std::byte>(*through), rung));
    }

    gate::ref gate_;
    std::optional<coroutine_thread::entry> thread_;
    coroutine_thread::surroundings kept_;
};

} // namespace keel::detail
