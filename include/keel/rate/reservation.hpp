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

/// An algorithm of rate limiting: a configuration with `validate()` and `max_wait`, what is computed from it once
/// (`pace`), and the state, in one word (`permits<Atomics>`). See `gcra`.
template <class L>
concept rate_algorithm = std::copyable<L> && requires(const L& limit) {
    typename L::pace;
    typename L::template permits<std_atomics>;
    { limit.max_wait } -> std::convertible_to<nanos>;
};

namespace detail {

/// The wait of a call that asks for more permits than there can ever be at once.
inline constexpr nanos never_conforms = nanos::max();

/// The time in nanoseconds, held within 90 years of the clock's epoch, so that what limiters add to it, at most twice
/// `longest`, can't overflow.
constexpr std::int64_t in_reach(time_point t) noexcept {
    constexpr std::int64_t far = std::chrono::nanoseconds(std::chrono::hours(24 * 365 * 90)).count();
    const std::int64_t ns = t.time_since_epoch().count();
    return ns < -far ? -far : lesser(ns, far);
}

} // namespace detail
} // namespace keel
