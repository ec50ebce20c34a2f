#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"
#include "../sync/atomics.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace keel {

/// A clock that moves only when told to, for tests. Copies share their time, so the one that a pipeline holds is
/// advanced through the one that the test kept. A sleep returns at once and advances it. Starts at 0; thread-safe.
class manual_clock {
  public:
    manual_clock()
      : shared_(new shared) {}
    manual_clock(const manual_clock& other) noexcept
      : shared_(other.shared_) {
        shared_->owners.fetch_add(1);
    }
    manual_clock& operator=(const manual_clock&) = delete;
    ~manual_clock() {
        if (shared_->owners.fetch_sub(1) == 1) delete shared_;
    }

    time_point now() const noexcept { return time_point(std::chrono::nanoseconds(shared_->time.load())); }

    /// Negative durations go back, which no real clock does.
    void advance(nanos d) noexcept { shared_->time.fetch_add(d.count); }
    void set(time_point t) noexcept { shared_->time.store(t.time_since_epoch().count()); }

    void sleep_until(time_point t) const noexcept {
        detail::raise_to(shared_->time, t.time_since_epoch().count(), std::memory_order_seq_cst);
    }

    /// Whether they share their time.
    friend bool operator==(const manual_clock& a, const manual_clock& b) noexcept { return a.shared_ == b.shared_; }

  private:
    // Counted by hand: <memory> takes a tenth of a second to compile.
    struct shared {
        std::atomic<std::int64_t> time{0};
        std::atomic<int> owners{1};
    };
    shared* shared_;
};

} // namespace keel
