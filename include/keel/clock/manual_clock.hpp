#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"
#include "../sync/atomics.hpp"
#include "clock.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

namespace keel {

/// A clock that moves only when told to, for tests. Copies share their time, so the one that a pipeline holds is
/// advanced through the one that the test kept. A sleep returns at once and advances it. Starts at 0; thread-safe.
class manual_clock {
  public:
    time_point now() const noexcept { return time_point(std::chrono::nanoseconds(time_->load())); }

    /// Negative durations go back, which no real clock does.
    void advance(nanos d) noexcept { time_->fetch_add(d.count); }
    void set(time_point t) noexcept { time_->store(t.time_since_epoch().count()); }

    void sleep_until(time_point t) const noexcept {
        detail::raise_to(*time_, t.time_since_epoch().count(), std::memory_order_seq_cst);
    }

  private:
    std::shared_ptr<std::atomic<std::int64_t>> time_ = std::make_shared<std::atomic<std::int64_t>>(0);
};

} // namespace keel
