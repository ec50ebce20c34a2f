#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "detail/adaptive_permits.hpp"
#include "detail/classifying.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "limit/aimd.hpp" // IWYU pragma: export
#include "limit/gradient.hpp"
#include "limit/strategy.hpp" // IWYU pragma: export
#include "outcome.hpp"
#include "policy.hpp"

#include <chrono>
#include <cstdint>

namespace keel {

template <limit_strategy Strategy = gradient>
struct limit_config {
    int min = 1;                            ///< the least that the limit can be; at least 1
    int initial = 20;                       ///< from `min` to `max`
    int max = 200;                          ///< from `min` to 1'000'000
    nanos window = std::chrono::seconds(1); ///< how long calls are watched before the limit is set anew
    int minimum_calls = 10;                 ///< a window lasts until so many calls have ended in it; at least 1
    double failure_rate = 0.05;             ///< the limit does not grow after a greater share of failures; 0 to 1
    Strategy strategy{};
};

/// Adaptive concurrency: lets in as many calls at once as the callee can handle by what was seen of it, and refuses
/// others with `errc::limit_exceeded`. After each window the `Strategy` sets the limit anew, by how long calls took and
/// how many failed.
///
/// A call that is ignored, or refused by a policy further in, gives its permit back and counts for nothing. A limit
/// that is not used does not grow. When the limit falls, calls that are inside go on.
///
/// One read-modify-write takes a permit, one gives it back.
template <limit_strategy Strategy = gradient, class Results = handle<>>
struct limit_policy : detail::classifying<limit_policy<Strategy, Results>> {
    limit_config<Strategy> config{};
    Results results;

    struct frame {
        time_point began{};
    };

    /// `p.get<"name">()` of a limit with that name. Its figures are of the moment, from any thread.
    template <class>
    class state {
      public:
        explicit state(const limit_policy& owner)
          : permits_(owner.config) {}

        std::uint32_t limit() const noexcept { return permits_.limit(); }
        std::uint32_t in_flight() const noexcept { return permits_.in_flight(); }
        /// Of the calls that ended in the last window, on average; 0 before there was one, and where none is timed.
        nanos latency() const noexcept { return permits_.latency(); }

      private:
        friend limit_policy;
        detail::adaptive_permits<limit_config<Strategy>> permits_;
    };
    static constexpr errc rejections[] = {errc::limit_exceeded};

    constexpr limit_policy() = default;
    constexpr limit_policy(const limit_config<Strategy>& configured, const Results& handled)
      : config(configured)
      , results(handled) {}

    constexpr limit_policy operator()(const limit_config<Strategy>& c) const {
        return detail::validated(limit_policy{c, results});
    }

    template <class Handle>
    constexpr auto handling(const Handle& h) const {
        return limit_policy<Strategy, Handle>{config, h};
    }

    constexpr config_error validate() const noexcept {
        detail::checker check("limit");
        check.require(config.min >= 1, "min", config.min, "must be at least 1")
            .require(config.max >= config.min && config.max <= 1'000'000, "max", config.max,
                     "must be at least min and at most 1000000")
            .require(config.initial >= config.min && config.initial <= config.max, "initial", config.initial,
                     "must be from min to max")
            .positive("window", config.window)
            .require(config.minimum_calls >= 1, "minimum_calls", config.minimum_calls, "must be at least 1")
            .require(config.failure_rate >= 0 && config.failure_rate <= 1, "failure_rate", config.failure_rate,
                     "must be from 0 to 1");
        config.strategy.check(check);
        return check.error;
    }

    constexpr policy_facts facts() const noexcept {
        return {.name = "limit",
                .does = "refuses while as many calls as it has found right are inside",
                .holds_permit = true};
    }
    static constexpr keel::needs needs() noexcept {
        return {.entry_time = Strategy::uses_latency, .settle_time = true};
    }

    template <class State>
    KEEL_ALWAYS_INLINE bool fast_admit(State& s, call& c, frame& f) const noexcept {
        begin(c, f);
        return s.permits_.try_take();
    }
    template <class State>
    KEEL_ALWAYS_INLINE bool fast_settle(State& s, call& c, frame& f) const noexcept {
        return s.permits_.try_succeed(c.known_now(), took(f, c.known_now()));
    }
    template <class State>
    KEEL_ALWAYS_INLINE admission fast_refuse(State& s, call&) const noexcept {
        return s.permits_.is_full() ? refuse(errc::limit_exceeded) : proceed;
    }

    template <class State>
    admission admit(State& s, call& c, frame& f) const noexcept {
        begin(c, f);
        return s.permits_.try_take() ? proceed : refuse(errc::limit_exceeded);
    }
    template <class State, class R>
    verdict settle(State& s, call& c, frame& f, outcome_of<R>& o) const {
        if (const ending e = results(o); e == ending::ignored)
            s.permits_.give_back();
        else
            s.permits_.settle(config, c.now(), took(f, c.now()), e == ending::failed);
        return verdict::keep();
    }
    template <class State>
    void abandon(State& s, call&, frame&) const noexcept {
        s.permits_.give_back();
    }

  private:
    KEEL_ALWAYS_INLINE static void begin(call& c, frame& f) noexcept {
        if constexpr (Strategy::uses_latency) f.began = c.now();
    }
    KEEL_ALWAYS_INLINE static nanos took(const frame& f, time_point now) noexcept {
        if constexpr (Strategy::uses_latency)
            return now - f.began;
        else
            return {};
    }
};

/// `limit<> | ...`, `limit<gradient>({.initial = 10, .max = 50}) | ...`,
/// `limit<aimd>({.strategy = {.backoff = 0.5}}) | ...`
template <limit_strategy Strategy = gradient>
inline constexpr limit_policy<Strategy> limit{};

} // namespace keel
