#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../detail/lesser.hpp"
#include "../duration.hpp"
#include "../random.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace keel {

/// How long to wait before the next attempt: `b.delay(n, previous, random)` after the n-th failed attempt, n = 1, 2 ...
/// up to 2^64 - 1, where `previous` is the delay before it, 0 at first. Never negative, and never fails. A backoff with
/// random delays says by `b.longest(n)` how long the n-th can be, which must not shrink as n grows.
template <class B>
concept backoff =
    std::copy_constructible<B> && requires(const B& b, std::uint64_t n, nanos previous, random_source& r) {
        { b.delay(n, previous, r) } noexcept -> std::same_as<nanos>;
        { b.validate() } noexcept -> std::same_as<config_error>;
    };

namespace detail {

// Above any count of nanoseconds, and its square is finite: so no step overflows, which constant evaluation forbids.
inline constexpr double beyond_nanos = 1e20;

/// `base` to the power of n, at most `beyond_nanos`. By squaring: n may be anything up to 2^64 - 1.
constexpr double power(double base, std::uint64_t n) noexcept {
    double result = 1;
    for (; n != 0; n >>= 1) {
        if ((n & 1) != 0) result = lesser(result * base, beyond_nanos);
        base = lesser(base * base, beyond_nanos);
    }
    return result;
}

/// `base * growth`, at most `cap`.
constexpr nanos capped(nanos base, double growth, nanos cap) noexcept {
    const double grown = static_cast<double>(base.count) * growth;
    return grown < static_cast<double>(cap.count) ? nanos::from(grown) : cap;
}

/// Uniform in [low, high], whole nanoseconds; `low` where the two have crossed.
constexpr nanos uniform(nanos low, nanos high, random_source& random) noexcept {
    if (high <= low) return low;
    const double steps = static_cast<double>(high.count - low.count) + 1;
    const nanos drawn(low.count + static_cast<std::int64_t>(random.unit() * steps));
    return drawn < high ? drawn : high;
}

/// A checker that has looked at what every growing backoff has.
constexpr checker checked_growth(nanos base, nanos cap) noexcept {
    return checker("retry")
        .positive("backoff.base", base)
        .positive("backoff.cap", cap)
        .require(cap >= base, "backoff.cap", static_cast<double>(cap.count), "must be at least backoff.base");
}
constexpr checker checked_growth(nanos base, double factor, nanos cap) noexcept {
    return checked_growth(base, cap).require(factor >= 1 && factor <= 1e6, "backoff.factor", factor,
                                             "must be at least 1 and at most 1e6");
}

/// A backoff with random delays.
template <class B>
concept draws_delays = requires(const B& b, std::uint64_t n) {
    { b.longest(n) } noexcept -> std::same_as<nanos>;
};
template <class B>
inline constexpr bool draws = draws_delays<B>;

/// What `retries` delays in a row come to at most; lowers `retries` to the number of delays that there are.
template <class B>
constexpr nanos longest_waits(const B& b, std::uint64_t& retries) noexcept {
    constexpr std::uint64_t summed = 1000; // all further ones count as long as the last of these, which is a bound too
    random_source unused;
    double sum = 0;
    nanos previous;
    for (std::uint64_t n = 1; n <= lesser(retries, summed); ++n) {
        if constexpr (draws<B>)
            previous = b.longest(n);
        else
            previous = b.delay(n, previous, unused);
        sum += static_cast<double>(previous.count);
    }
    if (retries > summed) sum += static_cast<double>(previous.count) * static_cast<double>(retries - summed);
    return nanos::from(sum);
}

/// What a call's frame remembers of one backoff: the n of its next delay, and the delay before.
template <class Backoff>
class delay_sequence {
  public:
    /// Whether there is a further delay, which is then put in `next`. Backoffs never end.
    bool advance(const Backoff& b, nanos& next) noexcept {
        next = previous_ = b.delay(n_, previous_, thread_random());
        if (n_ != ~std::uint64_t{0}) ++n_;
        return true;
    }

  private:
    std::uint64_t n_ = 1;
    nanos previous_{};
};

/// How many of `most` delays there are.
template <class Backoff>
constexpr std::uint32_t most_delays(const Backoff&, std::uint32_t most) noexcept {
    return most;
}

template <class Backoff>
class delay_iterator {
  public:
    using value_type = std::chrono::nanoseconds;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    delay_iterator() = default;
    explicit delay_iterator(const Backoff& of) noexcept
      : backoff_(of) {
        ++*this;
    }

    value_type operator*() const noexcept { return current_; }
    delay_iterator& operator++() noexcept {
        sequence_.advance(backoff_, current_);
        return *this;
    }
    void operator++(int) noexcept { ++*this; }
    friend bool operator==(const delay_iterator&, std::unreachable_sentinel_t) noexcept { return false; }

  private:
    Backoff backoff_{};
    delay_sequence<Backoff> sequence_;
    nanos current_{};
};

} // namespace detail
} // namespace keel
