#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../clock/manual_clock.hpp"
#include "../../detail/macros.hpp"
#include "../../duration.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <list>
#include <mutex>
#include <tuple>

namespace keel {
namespace detail {

/// Which of the alarms for one time ring first: a deadline is only over once all else of its time has happened.
enum class alarm_order : std::uint8_t { first, last };

/// What waits for the time of a `manual_clock`, of all contexts.
class virtual_alarm {
  public:
    /// `timer` is cancelled when it rings.
    virtual_alarm(boost::asio::steady_timer& timer, const manual_clock& clock, time_point due, alarm_order order)
      : timer_(timer)
      , clock_(clock)
      , due_(due)
      , order_(order) {
        const std::scoped_lock lock(all().mutex);
        here_ = all().set.insert(all().set.end(), this);
    }
    virtual_alarm(const virtual_alarm&) = delete;
    virtual_alarm& operator=(const virtual_alarm&) = delete;
    ~virtual_alarm() { take_out(); }

    bool has_rung() const noexcept { return has_rung_; }

    /// Lets the next alarm of that clock in that context ring, at its time. False if there is none.
    static bool ring_next(boost::asio::execution_context& context, manual_clock& clock) {
        virtual_alarm* const next = next_of(context, clock);
        if (next == nullptr) return false;
        clock.sleep_until(next->due_);
        next->take_out();
        next->has_rung_ = true;
        next->timer_.cancel();
        return true;
    }

  private:
    struct registry {
        std::mutex mutex;
        std::list<virtual_alarm*> set;
    };
    KEEL_PROCESS_WIDE static registry& all() {
        static registry one;
        return one;
    }
    static virtual_alarm* next_of(boost::asio::execution_context& context, const manual_clock& clock) {
        const std::scoped_lock lock(all().mutex);
        virtual_alarm* next = nullptr;
        for (virtual_alarm* const each : all().set) {
            if (each->clock_ != clock || &each->context() != &context) continue;
            if (next == nullptr || std::tie(each->due_, each->order_) < std::tie(next->due_, next->order_)) next = each;
        }
        return next;
    }
    boost::asio::execution_context& context() const {
        return boost::asio::query(timer_.get_executor(), boost::asio::execution::context);
    }
    void take_out() {
        const std::scoped_lock lock(all().mutex);
        if (here_ != all().set.end()) all().set.erase(here_);
        here_ = all().set.end();
    }

    boost::asio::steady_timer& timer_;
    manual_clock clock_;
    time_point due_;
    alarm_order order_;
    bool has_rung_ = false;
    std::list<virtual_alarm*>::iterator here_;
};

} // namespace detail

/// Runs what is ready in `context`; when all of it waits, advances `clock` to what is due next, and so on until nothing
/// is left to do. Waits and timeouts of pipelines with that clock, and `async_sleep`, take no real time then. Blocks
/// only where nothing waits for the clock, but something for the world outside.
///
/// Nothing else may run the context meanwhile.
inline void run(boost::asio::io_context& context, manual_clock& clock) {
    context.restart();
    while (!context.stopped()) {
        if (context.poll() == 0 && !context.stopped() && !detail::virtual_alarm::ring_next(context, clock))
            context.run_one();
    }
}

} // namespace keel
