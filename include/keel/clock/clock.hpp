#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"

#include <concepts>

namespace keel {

/// A monotonic clock: `now()` never goes back and never throws; `sleep_until(t)` returns once `now() >= t`, or sooner
/// by an exception. Both may be called from any thread. A pipeline holds its clock by value.
template <class C>
concept monotonic_clock = requires(const C& c, time_point t) {
    { c.now() } noexcept -> std::same_as<time_point>;
    c.sleep_until(t);
};

/// A clock without its type, for what must not be a template: two words, and valid as long as the clock.
class clock_ref {
  public:
    /// Refers to no clock: may only be assigned to.
    constexpr clock_ref() = default;
    template <monotonic_clock C>
    constexpr explicit clock_ref(const C& told_by) noexcept
      : clock_(&told_by)
      , use_(&use_of<C>) {}

    time_point now() const noexcept { return use_->now(clock_); }
    void sleep_until(time_point t) const { use_->sleep_until(clock_, t); }

  private:
    struct operations {
        time_point (*now)(const void*) noexcept;
        void (*sleep_until)(const void*, time_point);
    };
    template <class C>
    static constexpr operations use_of{
        [](const void* clock) noexcept { return static_cast<const C*>(clock)->now(); },
        [](const void* clock, time_point until) { static_cast<const C*>(clock)->sleep_until(until); },
    };

    const void* clock_ = nullptr;
    const operations* use_ = nullptr;
};

} // namespace keel
