#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/lesser.hpp"
#include "../duration.hpp"
#include "../sync/atomics.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>

namespace keel {

/// What a rate limiter says to a call that asks for permits.
struct [[nodiscard]] rate_reservation {
    bool granted = false;
    nanos wait{}; ///< granted: how long the call must wait before it is made. Refused: how long until it would be
                  ///< granted without a wait if nobody else came; 0 where that is never
    std::int64_t before = 0; ///< for `give_back`
    std::int64_t after = 0;  ///< for `give_back`

    constexpr explicit operator bool() const noexcept { return granted; }
};

/// How permits come: a configuration with `validate()` and `max_wait`, what is computed of it once (`pace`), and the
/// `permits<Atomics>` themselves, in one word. See `gcra`.
template <class L>
concept rate_algorithm = std::copyable<L> && requires(const L& limit) {
    typename L::pace;
    typename L::template permits<std_atomics>;
    { limit.max_wait } -> std::convertible_to<nanos>;
};

namespace detail {

/// Longer than any wait that helps: the call asks for more permits than there ever are at once.
inline constexpr nanos never_conforms = nanos::max();

/// The time in nanoseconds, as far as 90 years from the clock's epoch; beyond, it stands still. So what limiters add to
/// it, at most twice `longest`, can't overflow.
constexpr std::int64_t in_reach(time_point t) noexcept {
    constexpr std::int64_t far = std::chrono::nanoseconds(std::chrono::hours(24 * 365 * 90)).count();
    const std::int64_t ns = t.time_since_epoch().count();
    return ns < -far ? -far : lesser(ns, far);
}

} // namespace detail
} // namespace keel
