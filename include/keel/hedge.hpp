#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "detail/latency_percentile.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "outcome.hpp"
#include "policy.hpp"
#include "retry_budget.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace keel {

struct hedge_config {
    nanos delay = std::chrono::seconds(2); ///< 0 to 100 years; with a percentile, what is used until that is known
    double percentile = 0;                 ///< of the latencies seen, instead of `delay`: above 0 and below 1. 0: none
    int extra = 1;                         ///< how many attempts are started at most besides the first: 1 to 16
    retry_budget* budget = nullptr; ///< each extra attempt takes a token, a success earns a part of one; null is none

    constexpr config_error validate() const noexcept {
        return detail::checker("hedge")
            .not_negative("delay", delay)
            .require(percentile >= 0 && percentile < 1, "percentile", percentile, "must be at least 0 and below 1")
            .require(extra >= 1 && extra <= most, "extra", extra, "must be at least 1 and at most 16")
            .error;
    }
    static constexpr int most = 16;
};

/// Starts another attempt of all that is inside it when the latest one has taken longer than `delay`, or at once when
/// one has failed; `extra` more at most. The first success is the result, all others are cancelled, their end is
/// awaited, and they count as ignored, however they end. If all fail, the result is what the first attempt failed with,
/// or a later one that was started because it failed.
///
/// No attempt is started at the deadline or past it, for a call that is cancelled or stopped, because of a failure that
/// a `retry` would not repeat, or, with a `budget`, unless more than half of the tokens are left once it has taken its.
///
/// For `co_await keel::async(p, f)`: attempts run at the same time, each on the executor of the call, so on several
/// threads where no strand prevents it. The function must be callable as const, and do no harm when it runs more than
/// once: write it for what is idempotent.
///
/// `percentile`: the delay is that of the latencies of first attempts, or at most an eighth more (where it is between a
/// microsecond and 18 minutes): at 0.95 no more than one call in 20 starts another attempt. Successes count, and what
/// lost and late ones have taken at least; failures do not. Known after 32 of them; recent ones outweigh older ones.
struct hedge_policy {
    hedge_config config{};

    static constexpr bool forks = true;
    static constexpr bool repeats = false; ///< for chains: what comes out fails no more than what is inside
    static constexpr std::array<errc, 0> rejections{};

    /// `p.get<"name">()` of a hedge with that name. From any thread.
    template <class>
    class state {
      public:
        explicit state(const hedge_policy&) noexcept {}
        /// How many extra attempts have been started, and how many of them were the first to succeed.
        std::uint64_t started() const noexcept { return started_.load(std::memory_order_relaxed); }
        std::uint64_t won() const noexcept { return won_.load(std::memory_order_relaxed); }
        /// The percentile of the latencies seen; negative while it is not known.
        nanos percentile() const noexcept { return latencies_.value(); }

      private:
        friend hedge_policy;
        detail::latency_percentile latencies_;
        std::atomic<std::uint64_t> started_{0};
        std::atomic<std::uint64_t> won_{0};
    };

    constexpr hedge_policy operator()(const hedge_config& c) const { return {detail::validated(c)}; }
    constexpr config_error validate() const noexcept { return config.validate(); }
    constexpr policy_facts facts() const noexcept {
        return {.name = "hedge",
                .does = "runs what takes long again beside it",
                .attempts = static_cast<std::uint64_t>(config.extra) + 1,
                .has_budget = config.budget != nullptr,
                .overlaps = true,
                .next_after = config.percentile > 0 ? nanos::max() : config.delay};
    }

    template <class State>
    static admission admit(State&, call&, auto&) noexcept {
        return proceed;
    }
    template <class State>
    verdict settle(State&, call&, auto&, outcome& o) const noexcept {
        if (config.budget != nullptr && o.succeeded()) config.budget->success();
        return verdict::keep();
    }

    /// For drivers: how long until the next attempt is started.
    template <class State>
    nanos delay(const State& s) const noexcept {
        const nanos seen = s.percentile();
        return config.percentile > 0 && seen >= nanos(0) ? seen : config.delay;
    }
    /// For drivers: another attempt is to be started. Whether it may be.
    template <class State>
    bool may_start(State& s) const noexcept {
        if (config.budget != nullptr && !(config.budget->affords_retry() && config.budget->failure())) return false;
        s.started_.fetch_add(1, std::memory_order_relaxed);
        return true;
    }
    /// For drivers, where there is a percentile: a first attempt has taken that time, or at least that.
    template <class State>
    void took(State& s, nanos time) const noexcept {
        s.latencies_.count(time, config.percentile);
    }
    /// For drivers: an extra attempt was the first to succeed.
    template <class State>
    static void won(State& s) noexcept {
        s.won_.fetch_add(1, std::memory_order_relaxed);
    }
};

/// `hedge({.delay = 50ms}) | ...`, `hedge({.percentile = 0.95, .extra = 2}) | ...`
inline constexpr hedge_policy hedge{};

} // namespace keel
