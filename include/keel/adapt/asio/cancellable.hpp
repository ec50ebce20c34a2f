#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../clock/clock.hpp"
#include "../../duration.hpp"
#include "coroutine_thread.hpp"
#include "gate.hpp"
#include "virtual_time.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/system/error_code.hpp>
#include <optional>
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
        if (!gate_) return;
        gate_->close();
        gate_->deadline().stop();
    }

    /// To be awaited as a function of the frame of the coroutine that awaits it.
    template <class Frame, monotonic_clock Clock>
    auto begin(Frame* suspended, bool was_switched, const Clock& clock, time_point deadline) {
        return coroutine_thread::run_suspended(suspended, was_switched, [&](auto resume, coroutine_thread::entry on) {
            gate_ = gate::ref::taken(on.executor());
            const gate::section first(gate_);
            thread_.emplace(on);
            kept_ = {boost::asio::any_io_executor(section_executor(gate_)), gate_->slot(),
                     boost::asio::cancellation_state(gate_->slot(), boost::asio::enable_total_cancellation())};
            on.exchange(kept_);
            if (auto slot = kept_.state.slot(); slot.is_connected())
                slot.assign([to = gate_](boost::asio::cancellation_type_t t) { to->cancel(canceller::caller, t); });
            cancel_at(clock, deadline);
            resume();
        });
    }
    /// Whether the deadline has cancelled it.
    bool end() {
        if (!gate_) return false;
        gate_->close();
        gate_->deadline().stop();
        if (auto slot = kept_.state.slot(); slot.is_connected()) slot.clear();
        thread_->exchange(kept_);
        kept_ = {};
        return std::exchange(gate_, {})->was_cancelled(canceller::deadline);
    }

  private:
    template <monotonic_clock Clock>
    void cancel_at(const Clock& clock, time_point deadline) {
        gate_->deadline().set(gate_->inner(), clock, deadline, alarm_order::last);
        gate_->deadline().async_wait(
            boost::asio::bind_executor(gate_->inner(), [of = gate_](boost::system::error_code ended) {
                if (of->deadline().has_rung(ended))
                    of->cancel(canceller::deadline, boost::asio::cancellation_type::all);
            }));
    }

    gate::ref gate_;
    std::optional<coroutine_thread::entry> thread_;
    coroutine_thread::surroundings kept_;
};

} // namespace keel::detail
