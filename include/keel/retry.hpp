#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "backoff/backoff.hpp"
#include "backoff/exp_jitter.hpp"
#include "backoff/schedule.hpp"
#include "call.hpp"
#include "config.hpp"
#include "detail/classifying.hpp"
#include "detail/macros.hpp"
#include "detail/retrying.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "outcome.hpp"
#include "policy.hpp"
#include "retry_budget.hpp"

#include <array>
#include <cstdint>
#include <limits>

namespace keel {

template <class Backoff = exp_jitter>
struct retry_config {
    int attempts = 3;       ///< the first one included; at least 1
    Backoff backoff{};      ///< a backoff, or a `schedule`
    bool when_open = false; ///< whether a refusal by an open circuit further in is worth another attempt

    constexpr config_error validate() const noexcept {
        const auto own = detail::checker("retry").require(attempts >= 1, "attempts", attempts, "must be at least 1");
        return own.error ? own.error : backoff.validate();
    }
    constexpr std::uint32_t retries() const {
        return detail::most_delays(backoff, static_cast<std::uint32_t>(attempts) - 1);
    }
    constexpr policy_facts facts() const noexcept {
        auto most = static_cast<std::uint64_t>(attempts) - 1;
        const nanos waits = detail::longest_waits(backoff, most);
        return {.name = "retry",
                .does = "runs what fails again",
                .attempts = most + 1,
                .waits = waits,
                .has_jitter = most == 0 || detail::draws<Backoff>};
    }
};

/// A budget that a retry shares, as `&budget`; null is none.
struct shared_retry_budget {
    retry_budget* shared;

    constexpr shared_retry_budget(retry_budget* budget) noexcept
      : shared(budget) {}

    struct state {
        constexpr explicit state(const shared_retry_budget&) noexcept {}
    };
    KEEL_ALWAYS_INLINE retry_budget* of(state&) const noexcept { return shared; }
    constexpr bool limits() const noexcept { return shared != nullptr; }
    static constexpr config_error validate() noexcept { return {}; }
};

/// A budget in each pipeline.
struct own_retry_budget {
    retry_budget_config config{};

    struct state {
        retry_budget budget;
        explicit state(const own_retry_budget& owner)
          : budget(owner.config) {}
    };
    KEEL_ALWAYS_INLINE static retry_budget* of(state& s) noexcept { return &s.budget; }
    static constexpr bool limits() noexcept { return true; }
    constexpr config_error validate() const noexcept { return config.validate(); }
};

/// As `retry_config`, with a budget. A type of its own, which overload resolution chooses where `.budget` is written: a
/// retry without one does not pay for it.
template <class Backoff = exp_jitter>
struct budgeted_retry_config {
    int attempts = 3;
    Backoff backoff{};
    bool when_open = false;
    shared_retry_budget budget; ///< `&budget`, which must outlive the pipeline; null is none
};

/// As `retry_policy`, as long as its budget affords retries. Every failed attempt takes a token, also the last one; a
/// success earns a part of one. An ignored attempt does neither, nor does a rejection by a policy further in, unless
/// `is_about_callee()`.
template <class Backoff, class Results, class Budget>
struct budgeted_retry_policy : detail::classifying<budgeted_retry_policy<Backoff, Results, Budget>> {
    retry_config<Backoff> config{};
    Results results;
    Budget budget;

    using frame = detail::retry_frame<Backoff>;
    template <class Clock>
    struct state : Budget::state {
        explicit state(const budgeted_retry_policy& owner)
          : Budget::state(owner.budget) {}
    };
    static constexpr std::array<errc, 0> rejections{};

    constexpr budgeted_retry_policy(const retry_config<Backoff>& configured, const Results& handled,
                                    const Budget& spent_from)
      : config(configured)
      , results(handled)
      , budget(spent_from) {}

    template <class Handle>
    constexpr auto handling(const Handle& h) const {
        return budgeted_retry_policy<Backoff, Handle, Budget>{config, h, budget};
    }

    constexpr config_error validate() const noexcept {
        const config_error own = config.validate();
        return own ? own : budget.validate();
    }
    constexpr std::uint32_t retries() const { return config.retries(); }

    constexpr policy_facts facts() const noexcept {
        policy_facts f = config.facts();
        f.has_budget = budget.limits();
        return f;
    }

    template <class State>
    KEEL_ALWAYS_INLINE static bool fast_admit(State&, call&) noexcept {
        return true;
    }
    template <class State>
    KEEL_ALWAYS_INLINE bool fast_settle(State& s, call&) const noexcept {
        retry_budget* const b = budget.of(s);
        return b == nullptr || b->try_success();
    }
    constexpr bool lets_pass(errc reason) const noexcept { return reason == errc::circuit_open && !config.when_open; }

    template <class State>
    admission admit(State&, call&, frame& f) const {
        f = {};
        return proceed;
    }

    template <class State, class R>
    verdict settle(State& s, call& c, frame& f, outcome_of<R>& o) const {
        const ending e = results(o);
        const bool affordable = pays(budget.of(s), e);
        if (!affordable || f.made >= config.attempts || !detail::is_worth_another(o, e, config.when_open))
            return verdict::keep();
        return f.another(config.backoff, c, o);
    }

  private:
    static bool pays(retry_budget* b, ending e) noexcept {
        if (b == nullptr) return true;
        if (e == ending::failed) return b->failure();
        if (e == ending::succeeded) b->success();
        return b->affords_retry();
    }
};

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

    /// For chains: it has nothing to do if no failure from further in reaches it.
    static constexpr bool repeats = true;

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
