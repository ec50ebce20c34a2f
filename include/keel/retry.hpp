#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "backoff/backoff.hpp"
#include "backoff/exp_jitter.hpp"
#include "backoff/schedule.hpp"
#include "call.hpp"
#include "config.hpp"
#include "detail/budgeted_retry.hpp" // IWYU pragma: export
#include "detail/classifying.hpp"
#include "detail/macros.hpp"
#include "detail/retrying.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "outcome.hpp"
#include "policy.hpp"
#include "retry_budget.hpp"
#include "retry_config.hpp" // IWYU pragma: export

#include <array>
#include <cstdint>
#include <limits>

namespace keel {

/// Runs the inner call again while it fails and attempts remain. `attempts` counts the first, so 3 means at most three
/// invocations; the last failure is returned unchanged. `timeout | retry` bounds them all together, `retry | timeout`
/// each one. Never waits to the deadline or past it: if the next delay does not fit, the last failure is returned now.
///
/// A call of another pipeline that is given the context of an attempt takes its retries from those that this call has
/// left.
template <class Backoff = exp_jitter, class Results = handle<>>
struct retry_policy : detail::classifying<retry_policy<Backoff, Results>> {
    retry_config<Backoff> config{};
    Results results;

    using frame = detail::retry_frame<Backoff>;
    static constexpr std::array<errc, 0> rejections{};

    /// For chains: without selectors it has nothing to do if no failure from further in reaches it.
    static constexpr bool repeats = detail::is_without_selectors<Results>;

    constexpr retry_policy() = default;
    constexpr retry_policy(const retry_config<Backoff>& configured, const Results& handled)
      : config(configured)
      , results(handled) {}

    constexpr retry_policy operator()(const retry_config<Backoff>& c) const {
        return detail::validated(retry_policy{c, results});
    }
    constexpr auto operator()(const budgeted_retry_config<Backoff>& c) const {
        return detail::validated(budgeted_retry_policy<Backoff, Results, shared_retry_budget>{
            {c.attempts, c.backoff, c.when_open}, results, c.budget});
    }

    /// The same with a budget of its own in each pipeline.
    constexpr auto budgeted(const retry_budget_config& own = {}) const {
        return detail::validated(budgeted_retry_policy<Backoff, Results, own_retry_budget>{config, results, {own}});
    }

    template <class Handle>
    constexpr auto handling(const Handle& h) const {
        return retry_policy<Backoff, Handle>{config, h};
    }

    constexpr config_error validate() const noexcept { return config.validate(); }
    constexpr std::uint32_t retries() const { return config.retries(); }

    constexpr policy_facts facts() const noexcept { return config.facts(); }

    KEEL_ALWAYS_INLINE static bool fast_admit(call&) noexcept { return true; }
    KEEL_ALWAYS_INLINE static bool fast_settle(call&) noexcept { return true; }
    constexpr bool lets_pass(errc reason) const noexcept { return reason == errc::circuit_open && !config.when_open; }

    admission admit(call&, frame& f) const {
        f = {};
        return proceed;
    }

    template <class R>
    verdict settle(call& c, frame& f, outcome_of<R>& o) const {
        if (f.made >= config.attempts || !detail::is_worth_another(o, results(o), config.when_open))
            return verdict::keep();
        return f.another(config.backoff, c, o);
    }
};

/// `retry<exp_jitter> | ...`, `retry<exp_jitter>({.attempts = 5, .backoff = {.base = 5ms}}) | ...`
template <class Backoff = exp_jitter>
    requires backoff<Backoff>
inline constexpr retry_policy<Backoff> retry{};

/// A retry after the delays of a range: `retry_on(schedule{10ms, 50ms})`, or of anything that is a range of
/// durations, such as a range-v3 view. It ends with the range; `attempts` may end it sooner.
template <class Range>
constexpr auto retry_on(const schedule<Range>& delays, int attempts = std::numeric_limits<int>::max()) {
    return retry_policy<schedule<Range>>{}({.attempts = attempts, .backoff = delays});
}
template <duration_range Range>
constexpr auto retry_on(const Range& delays, int attempts = std::numeric_limits<int>::max()) {
    return retry_on(schedule<Range>{delays}, attempts);
}

} // namespace keel
