#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "detail/circuit_word.hpp"
#include "detail/lesser.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"
#include "random.hpp"
#include "window/judgement.hpp"

#include <chrono>
#include <cstdint>

namespace keel {

/// A limit that is never reached.
inline constexpr nanos never = nanos::max();

/// Which calls count as slow, and at which share of them the circuit trips. A slow failure counts in both rates.
struct slow_call_config {
    nanos longer_than = never; ///< above 0, at most 100 years; calls are only timed where it is not `never`
    double rate = 1;           ///< trips at this share of slow calls or more; above 0, at most 1

    constexpr bool counts() const noexcept { return longer_than != never; }
    /// The same where the compiler knows the value, and true otherwise: comparing a duration with `never` costs less
    /// than a test of its own.
    KEEL_ALWAYS_INLINE bool may_count() const noexcept { return !__builtin_constant_p(longer_than.count) || counts(); }
    constexpr void check(detail::checker& c, bool counts_overdue) const noexcept {
        if (counts_overdue) {
            c.require(counts(), "slow_call.longer_than", static_cast<double>(longer_than.count),
                      "must be given, for the window counts overdue calls");
        }
        if (counts()) c.positive("slow_call.longer_than", longer_than);
        c.share("slow_call.rate", rate);
    }
};

/// How the open period grows each time the probes fail. The first period after the circuit was closed is exactly
/// `open_for`.
struct open_period_growth {
    double factor = 1;                   ///< by which each period is longer than the one before; 1 to 100
    nanos cap = std::chrono::minutes(5); ///< where it stops growing; at least `open_for` where `factor` is above 1
    double jitter = 0.1;                 ///< lengthens each period by a random share of up to this; 0 to 1

    /// How long a circuit stays open that has tripped again `retrips` times since it was last closed.
    nanos period(nanos open_for, unsigned retrips) const noexcept {
        if (retrips == 0 || (factor == 1 && jitter == 0)) return open_for;
        double length = static_cast<double>(open_for.count);
        if (factor > 1) {
            for (unsigned i = 0; i < detail::lesser(retrips, detail::circuit_word::most_retrips); ++i)
                length *= factor;
            length = detail::lesser(length, static_cast<double>(cap.count));
        }
        return nanos::from(length * (1 + jitter * thread_random().unit()));
    }
    /// No period is longer. With a day to spare: a thread whose clock is behind sees more than a whole period left.
    constexpr nanos longest(nanos open_for) const noexcept {
        constexpr nanos day = std::chrono::hours(24);
        const nanos grown = factor > 1 ? cap : open_for;
        return nanos::from(static_cast<double>(grown.count) * (1 + jitter) + static_cast<double>(day.count));
    }
    constexpr void check(detail::checker& c, nanos open_for) const noexcept {
        c.require(factor >= 1 && factor <= 100, "growth.factor", factor, "must be at least 1 and at most 100")
            .positive("growth.cap", cap)
            .require(factor == 1 || cap >= open_for, "growth.cap", static_cast<double>(cap.count),
                     "must be at least open_for")
            .require(jitter >= 0 && jitter <= 1, "growth.jitter", jitter, "must be at least 0 and at most 1");
    }
};

namespace detail {

template <class Word>
constexpr window_counts probes_in(Word w) noexcept {
    return {static_cast<std::uint64_t>(w.recorded()), static_cast<std::uint64_t>(w.failed()),
            static_cast<std::uint64_t>(w.slow()), static_cast<std::uint64_t>(w.slow_failed())};
}

// What a breaker of any window has; `open_for` is bounded by what the circuit's word can tell apart.
template <class Config>
constexpr void check_recovery(checker& c, const Config& config) noexcept {
    constexpr nanos year = std::chrono::hours(24 * 365);
    c.positive("open_for", config.open_for)
        .require(config.open_for <= year, "open_for", static_cast<double>(config.open_for.count),
                 "must be at most one year")
        .require(config.half_open_calls >= 1 && config.half_open_calls <= circuit_word::most_probes, "half_open_calls",
                 config.half_open_calls, "must be at least 1 and at most 63")
        .positive("half_open_max_wait", config.half_open_max_wait);
    config.growth.check(c, config.open_for);
    c.require(config.growth.cap <= year, "growth.cap", static_cast<double>(config.growth.cap.count),
              "must be at most one year");
}

} // namespace detail

/// Configuration of a circuit whose window counts results by their rate.
template <class Window>
struct breaker_config {
    Window window{};
    double failure_rate = 0.5;                 ///< trips at this share of failures or more; above 0, at most 1
    int minimum_calls = 20;                    ///< fewer decide nothing; a smaller count window lowers it
    slow_call_config slow_call{};              ///< off by default
    nanos open_for = std::chrono::seconds(30); ///< calls are refused for this long; at most a year
    int half_open_calls = 3;                   ///< probes granted before the circuit decides; 1 to 63
    nanos half_open_max_wait = std::chrono::seconds(10); ///< after this, probes that did not come back are given up
    open_period_growth growth{};

    constexpr config_error validate() const noexcept {
        detail::checker c("breaker");
        c.share("failure_rate", failure_rate)
            .require(minimum_calls >= 1, "minimum_calls", minimum_calls, "must be at least 1");
        slow_call.check(c, Window::counts_overdue);
        if (!c.error) window.check(c, thresholds());
        detail::check_recovery(c, *this);
        return c.error;
    }

    template <class Counts>
    judgement judge(const Counts& counts, call& c, std::uint64_t generation) const noexcept {
        return counts.judge(window, c, generation, thresholds());
    }
    template <class Counts>
    judgement judge_overdue(const Counts& counts, call& c, std::uint64_t generation,
                            std::uint64_t overdue) const noexcept {
        return counts.judge_overdue(window, c, generation, thresholds(), overdue);
    }
    constexpr judgement judge_probes(const window_counts& probes) const noexcept {
        const auto minimum = static_cast<std::uint64_t>(detail::lesser(minimum_calls, half_open_calls));
        return probes.calls < minimum ? judgement::too_few : thresholds().judge(probes);
    }

  private:
    constexpr detail::thresholds thresholds() const noexcept {
        return {minimum_calls, failure_rate, slow_call.counts(), slow_call.rate};
    }
};

/// Configuration of a circuit that counts failures in a row: one failed or slow probe opens it again, `half_open_calls`
/// successful ones close it.
template <class Window>
    requires(!Window::by_rate)
struct breaker_config<Window> {
    Window window{};
    slow_call_config slow_call{};                        ///< off by default; a slow call counts as a failure
    nanos open_for = std::chrono::seconds(30);           ///< calls are refused for this long; at most a year
    int half_open_calls = 3;                             ///< probes granted before the circuit decides; 1 to 63
    nanos half_open_max_wait = std::chrono::seconds(10); ///< after this, probes that did not come back are given up
    open_period_growth growth{};

    constexpr config_error validate() const noexcept {
        detail::checker c("breaker");
        window.check(c);
        slow_call.check(c, Window::counts_overdue);
        c.require(slow_call.rate == 1, "slow_call.rate", slow_call.rate,
                  "must be 1: calls in a row have no rate, each slow one counts as a failure");
        detail::check_recovery(c, *this);
        return c.error;
    }

    template <class Counts>
    judgement judge(const Counts& counts, call& c, std::uint64_t generation) const noexcept {
        return counts.judge(window, c, generation);
    }
    template <class Counts>
    judgement judge_overdue(const Counts& counts, call& c, std::uint64_t generation,
                            std::uint64_t overdue) const noexcept {
        return counts.judge_overdue(window, c, generation, overdue);
    }
    constexpr judgement judge_probes(const window_counts& probes) const noexcept {
        if (probes.failed > 0) return judgement::failing;
        if (probes.slow > 0) return judgement::slow;
        return probes.calls < static_cast<std::uint64_t>(half_open_calls) ? judgement::too_few : judgement::healthy;
    }
};

} // namespace keel
