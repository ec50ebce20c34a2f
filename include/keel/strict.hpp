#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "chain.hpp"
#include "config.hpp"
#include "duration.hpp"
#include "facts.hpp"

#include <cstddef>
#include <span>

namespace keel {
namespace detail {

constexpr config_error lint_of_pair(const policy_facts& outer, const policy_facts& inner) noexcept {
    checker of_inner(inner.name), of_outer(outer.name);
    const auto both = static_cast<double>(outer.attempts) * static_cast<double>(inner.attempts);
    of_inner.require(outer.attempts == 1 || inner.attempts == 1, "attempts", both,
                     "attempts in all, for nested retries and hedges multiply: keep one of them");
    of_inner.require(outer.bound == nanos::max() || inner.bound == nanos::max() || inner.bound < outer.bound, "after",
                     static_cast<double>(inner.bound.count),
                     "never takes effect: must be shorter than the timeout around it");
    of_outer.require(
        !outer.holds_permit || inner.attempts == 1, "permits", static_cast<double>(inner.attempts),
        inner.overlaps ? "attempts in one permit, perhaps at the same time: write it to the right of the hedge"
                       : "attempts in one permit, which is held through the waits: write it to the right of the retry");
    return of_inner.error ? of_inner.error : of_outer.error;
}

constexpr config_error first_lint(std::span<const policy_facts> all) noexcept {
    bool has_breaker = false;
    for (const policy_facts& each : all)
        has_breaker = has_breaker || each.is_breaker;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const policy_facts& one = all[i];
        checker c(one.name);
        c.require(one.has_jitter, "backoff", static_cast<double>(one.waits.count),
                  "has no jitter, so clients that fail together retry together: use exp_jitter")
            .require(one.attempts == 1 || one.has_budget || has_breaker, "attempts", static_cast<double>(one.attempts),
                     "attempts with neither a budget nor a breaker can storm the callee: add one of them");
        if (c.error) return c.error;
        for (std::size_t j = i + 1; j < all.size(); ++j) {
            if (const config_error wrong = lint_of_pair(one, all[j])) return wrong;
        }
    }
    return {};
}

} // namespace detail

/// The same chain, if nothing in it is legal and usually wrong: retries or hedges in one another, whose attempts
/// multiply; an inner timeout that is not shorter than the outer one; a backoff without jitter; a bulkhead outside a
/// retry or a hedge, which holds one permit for all attempts, waits included; retries or hedges with neither budget nor
/// breaker. Otherwise it does not compile, or, where it is called at run time, throws `invalid_config`.
///
///     constexpr auto chain = keel::strict(keel::timeout(1s) | keel::retry<> | keel::breaker<>);
template <detail::composable C>
constexpr auto strict(const C& policies) {
    const detail::chain_of<C>& all = detail::as_chain(policies);
    if (const config_error wrong = detail::first_lint(detail::all_facts(all)))
        detail::a_configuration_value_is_out_of_range(wrong);
    return detail::chain_of<C>(all);
}

} // namespace keel
