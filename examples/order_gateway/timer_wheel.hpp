#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/duration.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace order_gateway {

/// What is to be timed derives from `timer<itself>`. Set in one wheel at a time, which it must outlive or leave.
template <class T>
struct timer {
    keel::time_point due{};
    T* next = nullptr;
    T** from = nullptr; ///< what points here; null while it is not set
};

/// Timers in a ring of buckets of a millisecond each. To set one and to cancel one takes a few instructions, and a turn
/// looks only at the buckets whose time has come. Exact to the clock's tick; allocates nothing.
template <class T>
class timer_wheel {
  public:
    /// Once for each time that it is set, `turn(now, f)` calls `f(t)` as soon as `now >= due`.
    void set(T& t, keel::time_point due) noexcept {
        cancel(t);
        t.due = due;
        // What is due already is found by the next turn.
        t.from = &buckets_[index(std::max(tick_of(due), turned_to_))];
        t.next = *t.from;
        *t.from = &t;
        if (t.next != nullptr) t.next->from = &t.next;
    }
    void cancel(T& t) noexcept {
        if (t.from == nullptr) return;
        *t.from = t.next;
        if (t.next != nullptr) t.next->from = t.from;
        t.from = nullptr;
    }
    /// `f` may set its own timer again, and touches no other.
    template <class F>
    void turn(keel::time_point now, F f) {
        const std::int64_t tick = tick_of(now);
        // After a long pause every bucket is looked at, once.
        for (turned_to_ = std::max(turned_to_, tick - size + 1);; ++turned_to_) {
            for (T* at = buckets_[index(turned_to_)]; at != nullptr;) {
                T& t = *at;
                at = t.next;
                if (t.due > now) continue; // later in this tick, or in another round
                cancel(t);
                f(t);
            }
            if (turned_to_ >= tick) return;
        }
    }

  private:
    static constexpr std::int64_t size = 256;

    static std::int64_t tick_of(keel::time_point t) noexcept { return t.time_since_epoch().count() >> 20; }
    static std::size_t index(std::int64_t tick) noexcept { return static_cast<std::size_t>(tick % size); }

    std::array<T*, size> buckets_{};
    std::int64_t turned_to_ = 0; // the tick of the last turn
};

} // namespace order_gateway
