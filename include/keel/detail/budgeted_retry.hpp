#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../backoff/exp_jitter.hpp"
#include "../call.hpp"
#include "../config.hpp"
#include "../error.hpp"
#include "../facts.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"
#include "../retry_budget.hpp"
#include "../retry_config.hpp"
#include "classifying.hpp"
#include "macros.hpp"
#include "retrying.hpp"

#include <array>
#include <cstdint>

namespace keel {

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
    static constexpr bool repeats = detail::is_without_selectors<Results>;

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

} // namespace keel
