#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../circuit_permit.hpp"
#include "../error.hpp"
#include "../facts.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"
#include "macros.hpp"

namespace keel::detail {

template <class Config>
constexpr needs needs_of_circuit(const Config& config) noexcept {
    const bool timed = config.slow_call.counts();
    return decltype(config.window)::needs() | needs{.entry_time = timed, .settle_time = timed};
}

inline constexpr policy_facts facts_of_breaker{
    .name = "breaker", .does = "refuses while its circuit is open", .is_breaker = true};

/// The hooks of a policy that asks a circuit before each attempt and reports the result to it. `Policy` has `results`,
/// a `state` with `circuit`, and `config_of(state)`, that circuit's configuration.
template <class Policy, class Permit = circuit_permit>
struct guarding {
    using frame = Permit;
    static constexpr errc rejections[] = {errc::circuit_open};

    template <class State>
    KEEL_ALWAYS_INLINE bool fast_admit(State& s, call& c, frame& f) const noexcept {
        return s.circuit.try_admit(f, c, self().config_of(s));
    }
    template <class State>
    KEEL_ALWAYS_INLINE bool fast_settle(State& s, call& c, frame& f) const noexcept {
        return s.circuit.try_success(f, c, self().config_of(s));
    }
    template <class State>
    KEEL_ALWAYS_INLINE admission fast_refuse(State& s, call& c) const noexcept {
        return s.circuit.try_refuse(c);
    }

    template <class State>
    admission admit(State& s, call& c, frame& f) const noexcept {
        return s.circuit.admit(f, c);
    }
    template <class State, class R>
    verdict settle(State& s, call& c, frame& f, outcome_of<R>& o) const {
        s.circuit.settle(f, c, self().results(o));
        return verdict::keep();
    }
    template <class State>
    void abandon(State& s, call& c, frame& f) const noexcept {
        s.circuit.settle(f, c, ending::ignored);
    }

  private:
    KEEL_ALWAYS_INLINE constexpr const Policy& self() const noexcept { return static_cast<const Policy&>(*this); }
};

} // namespace keel::detail
