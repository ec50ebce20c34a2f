#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

namespace keel {

/// A duration in nanoseconds, made implicitly from any `std::chrono::duration`. Structural, unlike that one, so a
/// policy that holds it can be a template argument.
///
/// A duration beyond 292 years becomes `nanos::max()` or `nanos::min()` and not-a-number becomes `min()`; both lie
/// outside every policy's range, so they are refused there rather than wrapped.
struct nanos {
    std::int64_t count = 0;

    constexpr nanos() = default;
    constexpr explicit nanos(std::int64_t n) noexcept
      : count(n) {}

    template <class Rep, class Period>
    constexpr nanos(std::chrono::duration<Rep, Period> duration) noexcept
      : count(saturated(duration)) {}

    constexpr operator std::chrono::nanoseconds() const noexcept { return std::chrono::nanoseconds(count); }

    static constexpr nanos max() noexcept { return nanos(std::numeric_limits<std::int64_t>::max()); }
    static constexpr nanos min() noexcept { return nanos(std::numeric_limits<std::int64_t>::min()); }

    /// The nearest whole number of nanoseconds towards zero; saturates, and turns not-a-number into `min()`.
    static constexpr nanos from(double value) noexcept {
        // 2^63 is the smallest double that does not fit, and exactly representable.
        constexpr double limit = 9223372036854775808.0;
        if (value >= limit) return max();
        if (!(value >= -limit)) return min();
        return nanos(static_cast<std::int64_t>(value));
    }

    friend constexpr bool operator==(nanos, nanos) = default;
    friend constexpr auto operator<=>(nanos, nanos) = default;

  private:
    __extension__ using wide = __int128;

    template <class Rep, class Period>
    static constexpr std::int64_t saturated(std::chrono::duration<Rep, Period> d) noexcept {
        using in_nanos = std::ratio_divide<Period, std::nano>;
        if constexpr (std::is_floating_point_v<Rep>) {
            return from(static_cast<double>(d.count()) * static_cast<double>(in_nanos::num) /
                        static_cast<double>(in_nanos::den))
                .count;
        } else {
            // Wide enough for any count of any period, whatever the sign and width of `Rep`.
            const wide ns = static_cast<wide>(d.count()) * in_nanos::num / in_nanos::den;
            if (ns > max().count) return max().count;
            if (ns < min().count) return min().count;
            return static_cast<std::int64_t>(ns);
        }
    }
};

/// The time that every clock of keel tells: monotonic, in nanoseconds.
using time_point = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

constexpr time_point operator+(time_point t, nanos d) noexcept { return t + std::chrono::nanoseconds(d); }

/// The deadline of a call that has none.
inline constexpr time_point no_deadline = time_point::max();

/// The longest duration that a policy takes: 100 years. `now + longest` can't overflow until a clock has run for 192.
inline constexpr nanos longest{std::chrono::hours(24 * 365 * 100)};

} // namespace keel
