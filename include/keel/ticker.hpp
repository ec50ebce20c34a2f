#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "clock/cached_clock.hpp"
#include "clock/steady_clock.hpp"
#include "config.hpp"
#include "detail/fail.hpp"
#include "duration.hpp"

#include <atomic>
#include <chrono>
#include <pthread.h>
#include <system_error>

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
      : period_(detail::validated(c).period) {
        cached_clock::update();
        if (const int reason = ::pthread_create(&thread_, nullptr, &run, this); reason != 0)
            detail::fail(static_cast<std::errc>(reason), "keel::ticker: no thread to be had");
    }
    ticker(const ticker&) = delete;
    ticker& operator=(const ticker&) = delete;
    ~ticker() {
        stop_.store(true, std::memory_order_relaxed);
        ::pthread_join(thread_, nullptr);
    }

  private:
    static void* run(void* self) {
        const auto& t = *static_cast<const ticker*>(self);
        while (!t.stop_.load(std::memory_order_relaxed))
            steady_clock::sleep_until(cached_clock::update() + t.period_);
        return nullptr;
    }

    nanos period_;
    std::atomic<bool> stop_{false};
    // Not a std::jthread: <thread> would be a good part of what `keel.hpp` costs to compile.
    ::pthread_t thread_{};
};

} // namespace keel
