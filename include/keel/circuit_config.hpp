#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "detail/circuit_word.hpp"
#include "detail/lesser.hpp"
#include "duration.hpp"
#include "window/judgement.hpp"

#include <chrono>
#include <cstdint>

namespace keel {

/// How the open period changes when probes have failed. The first period after a healthy time is `open_for` exactly.
struct open_period_growth {
    double factor = 1;                   ///< of each period to the one before; 1 to 100
    nanos cap = std::chrono::minutes(5); ///< of the growing period; where `factor` is above 1 at least `open_for`
    double jitter = 0.1;                 ///< each period is longer by a uniform share of up to this; 0 to 1

    constexpr void check(detail::checker& c, nanos open_for) const noexcept {
        c.require(factor >= 1 && factor <= 100, "growth.factor", factor, "must be at least 1 and at most 100")
            .positive("growth.cap", cap)
            .require(factor == 1 || cap >= open_for, "growth.cap", static_cast<double>(cap.count),
                     "must be at least open_for")
            .require(jitter >= 0 && jitter <= 1, "growth.jitter", jitter, "must be at least 0 and at most 1");
    }
};

namespace detail {

// What a breaker of any window has; `open_for` is bounded by what the circuit's word can tell apart.
template <class Config>
constexpr void check_recovery(checker& c, const Config& config) noexcept {
    constexpr nanos year = std::chrono::hours(24 * 365);
    c.positive("open_for", config.open_for)
        .require(config.open_for <= year, "open_for", static_cast<double>(config.open_for.count),
                 "must be at most one year")
        .require(config.half_open_calls >= 1 && config.half_open_calls <= circuit_word::most_probes, "half_open_calls",
                 config.half_open_calls, "must be at least 1 and at most 127")
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
    double failure_rate = 0.5; ///< trips at this share of failures or more; above 0, at most 1
    int minimum_calls =
        20; ///< nothing is decided with fewer in the window; a smaller count window lowers it; at least 1
    nanos open_for = std::chrono::seconds(30);           ///< calls are refused for this long; at most a year
    int half_open_calls = 3;                             ///< probes granted before the circuit decides; 1 to 127
    nanos half_open_max_wait = std::chrono::seconds(10); ///< after this, probes that did not come back are given up
    open_period_growth growth{};

    constexpr config_error validate() const noexcept {
        detail::checker c("breaker");
        window.check(c, failure_rate);
        c.share("failure_rate", failure_rate)
            .require(minimum_calls >= 1, "minimum_calls", minimum_calls, "must be at least 1");
        detail::check_recovery(c, *this);
        return c.error;
    }

    template <class Counts>
    judgement judge(const Counts& counts, call& c) const noexcept {
        return counts.judge(window, c, minimum_calls, failure_rate);
    }
    constexpr judgement judge_probes(int recorded, int failed) const noexcept {
        if (recorded < detail::lesser(minimum_calls, half_open_calls)) return judgement::too_few;
        const bool failing =
            detail::reaches(static_cast<std::uint64_t>(failed), static_cast<std::uint64_t>(recorded), failure_rate);
        return failing ? judgement::failing : judgement::healthy;
    }
};

/// Configuration of a circuit that counts failures in a row: one failed probe opens it again, `half_open_calls`
/// successful ones close it.
template <class Window>
    requires(!Window::by_rate)
struct breaker_config<Window> {
    Window window{};
    nanos open_for = std::chrono::seconds(30);           ///< calls are refused for this long; at most a year
    int half_open_calls = 3;                             ///< probes granted before the circuit decides; 1 to 127
    nanos half_open_max_wait = std::chrono::seconds(10); ///< after this, probes that did not come back are given up
    open_period_growth growth{};

    constexpr config_error validate() const noexcept {
        detail::checker c("breaker");
        window.check(c);
        detail::check_recovery(c, *this);
        return c.error;
    }

    template <class Counts>
    judgement judge(const Counts& counts, call& c) const noexcept {
        return counts.judge(window, c);
    }
    constexpr judgement judge_probes(int recorded, int failed) const noexcept {
        if (failed > 0) return judgement::failing;
        return recorded < half_open_calls ? judgement::too_few : judgement::healthy;
    }
};

} // namespace keel
