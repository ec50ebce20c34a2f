#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "clock/cached_clock.hpp"
#include "clock/steady_clock.hpp"
#include "config.hpp"

#include <stop_token>
#include <thread>

namespace keel {

/// A thread that updates `cached_clock` once per `period` for as long as it lives. The only thread that keel ever
/// starts. The clock is updated before the constructor returns; the destructor waits for one period at most.
///
/// Throws `invalid_config` unless `period` is positive, and `std::system_error` if no thread can be had.
class ticker {
  public:
    struct config {
        nanos period = std::chrono::milliseconds(1);

        constexpr config_error validate() const noexcept {
            return detail::checker("ticker").positive("period", period).error;
        }
    };

    ticker()
      : ticker(config{}) {}
    explicit ticker(nanos period)
      : ticker(config{.period = period}) {}
    explicit ticker(const config& c)
      : thread_([period = std::chrono::nanoseconds(detail::validated(c).period)](const std::stop_token& stop) {
          while (!stop.stop_requested())
              steady_clock::sleep_until(cached_clock::update() + period);
      }) {
        cached_clock::update();
    }

  private:
    std::jthread thread_;
};

} // namespace keel
