#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace matrix {

/// The policies, as they are named in chains, and behind them further forms of some, which are other types.
enum class kind : std::uint8_t {
    timeout,
    retry,
    breaker,
    fallback, // a value for every failure
    bulkhead,
    rate_limit,
    throttle,
    limit,
    chaos, // faults
    // A further policy stands here, and has its place in `names`, settings.hpp, subject.hpp and naive.cpp.
    retry_with_budget,
    breaker_by_rate,
    fallback_function,
    fallback_for_rejections,
    rate_limit_by_window,
    limit_by_latency,
    chaos_of_latency,
    chaos_of_results,
};
inline constexpr const char* names[] = {
    "timeout",
    "retry",
    "breaker",
    "fallback",
    "bulkhead",
    "rate_limit",
    "throttle",
    "limit",
    "chaos",
    "retry with budget",
    "breaker by rate",
    "fallback function",
    "fallback for rejections",
    "rate_limit by window",
    "limit by latency",
    "chaos of latency",
    "chaos of results",
};
inline constexpr std::size_t policies = static_cast<std::size_t>(kind::retry_with_budget);

constexpr bool repeats(kind k) { return k == kind::retry || k == kind::retry_with_budget; }

/// Whether a retry has nothing but a fallback for everything inside it, and what adds no failure of its own: keel lets
/// nobody compose that.
constexpr bool starves(std::span<const kind> chain) {
    bool starved = false;
    for (const kind k : chain) {
        if (starved && k == kind::fallback) return true;
        starved = repeats(k);
    }
    return false;
}

/// The n-th form of a policy.
constexpr kind form_of(kind policy, std::uint32_t n) {
    switch (policy) {
    case kind::retry:
        return n % 3 == 2 ? kind::retry_with_budget : policy;
    case kind::breaker:
        return n % 2 == 1 ? kind::breaker_by_rate : policy;
    case kind::fallback:
        return n % 3 == 0 ? policy : n % 3 == 1 ? kind::fallback_function : kind::fallback_for_rejections;
    case kind::rate_limit:
        return n % 2 == 1 ? kind::rate_limit_by_window : policy;
    case kind::limit:
        return n % 2 == 1 ? kind::limit_by_latency : policy;
    case kind::chaos:
        return n % 3 == 0 ? policy : n % 3 == 1 ? kind::chaos_of_latency : kind::chaos_of_results;
    default:
        return policy;
    }
}

/// A chain, as one can look at it at run time.
struct order {
    std::array<kind, 3> kinds{};
    std::size_t size = 0;

    const kind* begin() const { return kinds.data(); }
    const kind* end() const { return kinds.data() + size; }
    bool operator==(const order&) const = default;
};
inline std::string text_of(const order& o) {
    std::string text;
    for (const kind k : o)
        text += (text.empty() ? "" : " | ") + std::string(names[static_cast<std::size_t>(k)]);
    return text;
}

} // namespace matrix
