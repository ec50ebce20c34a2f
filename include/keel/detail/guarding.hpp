#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../circuit.hpp"
#include "../policy.hpp"
#include "macros.hpp"

namespace keel::detail {

/// The hooks of a policy that asks a circuit before each attempt and tells it what came of it. `Policy` has `results`,
/// a `state` with `circuit`, and `window_of(state)`, the configuration of the circuit's window.
template <class Policy>
struct guarding {
    using frame = circuit_permit;
    static constexpr errc rejections[] = {errc::circuit_open};

    template <class State>
    KEEL_ALWAYS_INLINE bool fast_admit(State& s, call&, frame& f) const noexcept {
        return s.circuit.try_admit(f);
    }
    template <class State>
    KEEL_ALWAYS_INLINE bool fast_settle(State& s, call& c, frame& f) const noexcept {
        return s.circuit.try_success(f, c, self().window_of(s));
    }
    template <class State>
    KEEL_ALWAYS_INLINE admission fast_refuse(State& s, call& c) const noexcept {
        return s.circuit.is_refusing(c) ? refuse(errc::circuit_open) : proceed;
    }

    template <class State>
    admission admit(State& s, call& c, frame& f) const noexcept {
        return s.circuit.admit(f, c) ? proceed : refuse(errc::circuit_open);
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
