#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "detail/acceptance.hpp"
#include "detail/classifying.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "outcome.hpp"
#include "policy.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace keel {

struct throttle_config {
    double k = 2;                         ///< requests that are let through for each that is accepted; 1 to 1e6
    nanos span = std::chrono::minutes(2); ///< how long requests count; a whole multiple of `throttle_options::buckets`
    double max_probability = 1;           ///< the most that the probability can be; above 0, at most 1
};

struct throttle_options {
    std::size_t shards = 16;  ///< threads that count without an atomic read-modify-write
    std::size_t buckets = 20; ///< in which requests leave the window; 16 bytes each for each shard
};

/// What a throttle counts: `p.get<"name">().stats()` of one with that name.
struct throttle_stats {
    double probability;     ///< of leaving a request out, as it was evaluated last
    std::uint64_t requests; ///< of the window, those left out included
    std::uint64_t accepts;  ///< of them
};

/// Client-side adaptive throttling: while the callee accepts fewer than one request in `k`, leaves some out with
/// `errc::throttled`, before they are sent. The probability is max(0, (requests - k x accepts) / (requests + 1)), over
/// the last `span`. Google, "Site Reliability Engineering" (2016), chapter 21.
///
/// A request counts when it begins, left out or not; it is accepted when it succeeds. One that is ignored, or that a
/// policy further in refuses, counts as if it had never been made. Draws from `thread_random()`.
template <throttle_options Options = throttle_options{}, class Results = handle<>>
struct throttle_policy : detail::classifying<throttle_policy<Options, Results>> {
    throttle_config config{};
    Results results;

    static_assert(Options.shards >= 1 && Options.buckets >= 1,
                  "keel: a throttle counts in at least one shard and one bucket");

    struct frame {
        time_point began;
    };

    /// `p.get<"name">()` of a throttle with that name.
    template <class Clock>
    class state {
      public:
        state(const throttle_policy& owner, const Clock& clock)
          : config_(owner.config)
          , clock_(clock) {}

        /// From any thread; takes about as long as a failed call.
        throttle_stats stats() const noexcept {
            const auto held = acceptance_.counted(config_, clock_.now());
            return {acceptance_.probability(), held.requests, held.accepts};
        }

      private:
        friend throttle_policy;
        detail::acceptance<throttle_config, Options.shards, Options.buckets> acceptance_;
        throttle_config config_;
        Clock clock_;
    };
    static constexpr errc rejections[] = {errc::throttled};

    constexpr throttle_policy() = default;
    constexpr throttle_policy(const throttle_config& configured, const Results& handled)
      : config(configured)
      , results(handled) {}

    constexpr throttle_policy operator()(const throttle_config& c) const {
        return detail::validated(throttle_policy{c, results});
    }

    template <class Handle>
    constexpr auto handling(const Handle& h) const {
        return throttle_policy<Options, Handle>{config, h};
    }

    constexpr config_error validate() const noexcept {
        detail::checker check("throttle");
        check.require(config.k >= 1 && config.k <= 1e6, "k", config.k, "must be from 1 to 1e6")
            .positive("span", config.span)
            .share("max_probability", config.max_probability);
        if (check.error) return check.error;
        return check
            .require(config.span.count % static_cast<std::int64_t>(Options.buckets) == 0, "span",
                     static_cast<double>(config.span.count),
                     "must be a whole multiple of throttle_options::buckets nanoseconds (20 by default)")
            .error;
    }

    constexpr policy_facts facts() const noexcept {
        return {.name = "throttle", .does = "leaves calls out while too few succeed", .is_breaker = true};
    }
    static constexpr keel::needs needs() noexcept { return {.entry_time = true, .settle_time = false}; }

    template <class State>
    KEEL_ALWAYS_INLINE bool fast_admit(State& s, call& c, frame& f) const noexcept {
        if (!s.acceptance_.try_request(config, c)) [[unlikely]]
            return false;
        f.began = c.now();
        return true;
    }
    template <class State>
    KEEL_ALWAYS_INLINE bool fast_settle(State& s, call&, frame& f) const noexcept {
        return s.acceptance_.try_accept(config, f.began);
    }

    template <class State>
    admission admit(State& s, call& c, frame& f) const noexcept {
        f.began = c.now();
        return s.acceptance_.request(config, c) ? proceed : refuse(errc::throttled);
    }
    template <class State, class R>
    verdict settle(State& s, call& c, frame& f, outcome_of<R>& o) const {
        switch (results(o)) {
        case ending::succeeded:
            s.acceptance_.accept(config, f.began);
            break;
        case ending::failed:
            s.acceptance_.evaluate(config, c.now());
            break;
        case ending::ignored:
            s.acceptance_.withdraw(config, f.began);
            break;
        }
        return verdict::keep();
    }
    template <class State>
    void abandon(State& s, call&, frame& f) const noexcept {
        s.acceptance_.withdraw(config, f.began);
    }
};

/// `throttle | ...`, `throttle({.k = 1.5, .span = 30s}) | ...`
inline constexpr throttle_policy<> throttle{};

/// With other options: `basic_throttle<{.shards = 1}>({.k = 1.5}) | ...`
template <throttle_options Options>
inline constexpr throttle_policy<Options> basic_throttle{};

} // namespace keel
