#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../detail/lesser.hpp"
#include "../duration.hpp"
#include "backoff.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator> // IWYU pragma: keep: its std::ranges::begin is taken for <ranges>'s

namespace keel {

/// A range that can be read again from the start for each call, by several threads at once.
template <class R>
concept duration_range = std::copy_constructible<R> && requires(const R& r) {
    { std::ranges::begin(r) } -> std::copyable;
    { *std::ranges::begin(r) } -> std::convertible_to<nanos>;
    { std::ranges::begin(r) == std::ranges::end(r) } -> std::convertible_to<bool>;
};

/// The delays of a range, one after the other; a retry ends where they end. Negative delays count as 0.
template <duration_range Range>
struct schedule {
    Range delays;

    constexpr config_error validate() const noexcept { return {}; }
};

/// `schedule{10ms, 50ms, 200ms}`: three retries at most.
template <std::convertible_to<nanos>... D>
    requires(sizeof...(D) > 0)
schedule(D...) -> schedule<std::array<nanos, sizeof...(D)>>;
template <duration_range Range>
schedule(Range) -> schedule<Range>;

namespace detail {

template <class Range>
class delay_sequence<schedule<Range>> {
  public:
    constexpr bool advance(const schedule<Range>& s, nanos& next) {
        auto at = std::ranges::begin(s.delays);
        for (std::size_t i = 0; i < used_ && at != std::ranges::end(s.delays); ++i)
            ++at;
        if (at == std::ranges::end(s.delays)) return false;
        ++used_;
        const nanos d = *at;
        next = d < nanos(0) ? nanos(0) : d;
        return true;
    }

  private:
    // Counted from the start each time: an iterator could be kept only once there is one.
    std::size_t used_ = 0;
};

template <class Range>
inline constexpr bool draws<schedule<Range>> = true; // for all we know

/// A range may be endless: one with more delays than this looks at counts as unbounded.
template <class Range>
constexpr nanos longest_waits(const schedule<Range>& s, std::uint64_t& retries) {
    constexpr std::uint64_t looked_at = 1000;
    const std::uint64_t most = lesser(retries, looked_at);
    double sum = 0;
    // Not by a delay_sequence, which counts from the start each time: too many steps for a constant expression.
    auto at = std::ranges::begin(s.delays);
    for (std::uint64_t n = 0; n < most; ++n, ++at) {
        if (at == std::ranges::end(s.delays)) {
            retries = n;
            break;
        }
        const nanos next = *at;
        if (next > nanos(0)) sum += static_cast<double>(next.count);
    }
    return retries > looked_at ? nanos::max() : nanos::from(sum);
}

template <class Range>
constexpr std::uint32_t most_delays(const schedule<Range>& s, std::uint32_t most) {
    std::uint64_t there = most;
    static_cast<void>(longest_waits(s, there));
    return static_cast<std::uint32_t>(there);
}

} // namespace detail
} // namespace keel
