#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "circuit.hpp"
#include "detail/classifying.hpp"
#include "detail/guarding.hpp"
#include "detail/macros.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "policy.hpp"

namespace keel {

/// As `breaker`, with a circuit that lives outside the pipeline and may be shared by several, which it must outlive;
/// `p.circuit()` is that circuit. Each call brings the time of its own pipeline's clock, so pipelines that share a
/// circuit need clocks with the same epoch: all of keel's have it but `manual_clock`.
template <class Circuit, class Results = handle<>>
struct through_policy : detail::classifying<through_policy<Circuit, Results>>,
                        detail::guarding<through_policy<Circuit, Results>, typename Circuit::permit> {
    Circuit* shared = nullptr;
    Results results{};

    template <class>
    struct state {
        Circuit& circuit;
        explicit state(const through_policy& owner)
          : circuit(*owner.shared) {}
    };

    constexpr explicit through_policy(Circuit& joined, const Results& handled = {}) noexcept
      : shared(&joined)
      , results(handled) {}

    template <class Handle>
    constexpr auto handling(const Handle& h) const {
        return through_policy<Circuit, Handle>(*shared, h);
    }

    constexpr policy_facts facts() const noexcept { return detail::facts_of_breaker; }
    keel::needs needs() const noexcept { return detail::needs_of_circuit(shared->config()); }

    template <class State>
    KEEL_ALWAYS_INLINE static const typename Circuit::config_type& config_of(const State& s) noexcept {
        return s.circuit.config();
    }
};

/// `timeout(1s) | through(payments)`. A circuit with static storage can be named in the chain of a `static_pipeline`.
template <class Window, class Clock, class Atomics>
constexpr auto through(circuit<Window, Clock, Atomics>& shared) noexcept {
    return through_policy<circuit<Window, Clock, Atomics>>(shared);
}

struct a_temporary_circuit_ends_before_the_pipeline_so_give_it_a_name;
template <class Window, class Clock, class Atomics>
a_temporary_circuit_ends_before_the_pipeline_so_give_it_a_name
through(const circuit<Window, Clock, Atomics>&&) = delete;

} // namespace keel
