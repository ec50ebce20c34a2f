#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "duration.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace keel {

/// What a policy says of itself to `explain` and `strict`, by `constexpr policy_facts facts() const noexcept`. A policy
/// that says nothing is taken to run what is inside it once, without waiting and without bounding it.
struct policy_facts {
    const char* name = "your policy";     ///< as it is written in a chain
    const char* does = "asks your hooks"; ///< what it does with calls: a phrase
    std::uint64_t attempts = 1;           ///< how often it runs what is inside it, at most
    nanos bound = nanos::max();           ///< how long what is inside may take; `nanos::max()`: any time
    nanos waits{};                        ///< how long it waits by itself in one call, in all, at most; `nanos::max()`:
                                          ///< nobody knows
    bool is_breaker = false;              ///< stops calling what fails
    bool holds_permit = false;            ///< while what is inside runs, waits included
    bool has_jitter = true;               ///< its waits are random, or it has none
    bool has_budget = false;              ///< its further attempts are limited over many calls
    bool answers_failures = false;        ///< no failure and no rejection of what is inside it comes out of it
    bool overlaps = false;                ///< its attempts may run at the same time
    nanos next_after = nanos::max();      ///< how long after an attempt has begun the next one does, at most, where it
                                          ///< does not end before; `nanos::max()`: nobody knows
};

namespace detail {

template <class P>
concept tells_facts = requires(const P& p) {
    { p.facts() } noexcept -> std::same_as<policy_facts>;
};

template <class P>
constexpr policy_facts facts_of(const P& p) noexcept {
    if constexpr (tells_facts<P>)
        return p.facts();
    else
        return {};
}

/// Of all policies of a chain, from the outside in.
template <class Chain>
constexpr auto all_facts(const Chain& c) noexcept {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<policy_facts, Chain::size>{facts_of(c.template get<I>())...};
    }(std::make_index_sequence<Chain::size>());
}

/// Sum and product of durations, where `nanos::max()` stands for an unbounded one.
constexpr nanos plus(nanos a, nanos b) noexcept {
    return a.count > nanos::max().count - b.count ? nanos::max() : nanos(a.count + b.count);
}
constexpr nanos times(nanos each, std::uint64_t n) noexcept {
    return nanos::from(static_cast<double>(each.count) * static_cast<double>(n));
}
constexpr std::uint64_t saturated_product(std::uint64_t a, std::uint64_t b) noexcept {
    return b != 0 && a > ~std::uint64_t{0} / b ? ~std::uint64_t{0} : a * b;
}

} // namespace detail
} // namespace keel
