#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../clock/clock.hpp"
#include "../../clock/manual_clock.hpp"
#include "../../duration.hpp"
#include "virtual_time.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <concepts>
#include <optional>
#include <utility>

namespace keel::detail {

/// A timer for the time of any clock: a `steady_timer`, and with `manual_clock` one that rings when `run()` says.
class alarm {
  public:
    /// Sets it to when `clock` says `due`, or to no earlier than that if that clock may stand still meanwhile.
    template <monotonic_clock Clock>
    void set(const boost::asio::any_io_executor& executor, const Clock& clock, time_point due,
             alarm_order order = alarm_order::first) {
        if constexpr (std::same_as<Clock, manual_clock>) {
            timer_.emplace(executor, std::chrono::steady_clock::time_point::max());
            virtual_.emplace(*timer_, clock, due, order);
        } else {
            timer_.emplace(executor, std::chrono::nanoseconds(due - clock.now()));
        }
    }
    template <class Token>
    auto async_wait(Token&& token) {
        return timer_->async_wait(std::forward<Token>(token));
    }
    /// Whether it has rung, told what its wait ended with. The memory of it must be that of its wait.
    bool has_rung(boost::system::error_code ended) const noexcept {
        return !ended || (virtual_.has_value() && virtual_->has_rung());
    }
    /// Ends its wait.
    void stop() {
        virtual_.reset();
        timer_.reset();
    }

  private:
    std::optional<boost::asio::steady_timer> timer_;
    std::optional<virtual_alarm> virtual_;
};

} // namespace keel::detail
