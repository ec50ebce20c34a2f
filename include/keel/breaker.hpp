#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "circuit.hpp"
#include "circuit_config.hpp"
#include "config.hpp"
#include "detail/classifying.hpp"
#include "detail/guarding.hpp"
#include "detail/macros.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "policy.hpp"
#include "window/consecutive_failures.hpp" // IWYU pragma: export
#include "window/sliding_time_window.hpp"  // IWYU pragma: export
#include "window/sliding_window.hpp"

namespace keel {

/// Refuses calls with `errc::circuit_open` while the callee is known to fail. Each pipeline has a circuit of its own:
/// `p.circuit()`. A rejection by a policy further in is ignored, unless `is_about_callee()`: then it is a failure.
template <class Window = sliding_window, class Results = handle<>>
struct breaker_policy : detail::classifying<breaker_policy<Window, Results>>,
                        detail::guarding<breaker_policy<Window, Results>> {
    breaker_config<Window> config{};
    Results results;

    template <class Clock>
    struct state {
        keel::circuit<Window, Clock> circuit;
        state(const breaker_policy& owner, const Clock& clock)
          : circuit(owner.config, clock) {}
    };

    constexpr breaker_policy() = default;
    constexpr breaker_policy(const breaker_config<Window>& configured, const Results& handled)
      : config(configured)
      , results(handled) {}

    constexpr breaker_policy operator()(const breaker_config<Window>& c) const {
        return detail::validated(breaker_policy{c, results});
    }

    template <class Handle>
    constexpr auto handling(const Handle& h) const {
        return breaker_policy<Window, Handle>{config, h};
    }

    constexpr config_error validate() const noexcept { return config.validate(); }
    constexpr policy_facts facts() const noexcept { return detail::facts_of_breaker; }
    constexpr keel::needs needs() const noexcept { return detail::needs_of_circuit(config); }

    template <class State>
    KEEL_ALWAYS_INLINE const breaker_config<Window>& config_of(const State&) const noexcept {
        return config;
    }
};

/// `breaker<sliding_window> | ...`,
/// `breaker<consecutive_failures>({.window = {.failures = 3}, .open_for = 120s}) | ...`
template <class Window = sliding_window>
inline constexpr breaker_policy<Window> breaker{};

} // namespace keel
