#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "chain.hpp"
#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "drive/callable_pipeline.hpp"
#include "drive/parts.hpp"
#include "policy.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace keel {

/// A chain bound to its state and a clock, its configuration held at run time. Callable from any number of threads at
/// once; neither copied nor moved; allocates nothing.
///
///     keel::pipeline p{keel::timeout(50ms) | keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>};
///     int v = p([&] { return fetch(key); });
///
/// The constructor throws `invalid_config`. For the calls see `callable_pipeline`.
template <class Chain, monotonic_clock Clock = steady_clock>
class pipeline : public detail::callable_pipeline<detail::stored_chain<Chain>, Clock> {
  public:
    explicit pipeline(const Chain& policies, Clock clock = {})
      : detail::callable_pipeline<detail::stored_chain<Chain>, Clock>(
            detail::stored_chain<Chain>{detail::validated(policies)}, std::move(clock)) {}
    // Asks first whether it would be a copy: whether a pipeline is a policy depends on this very constructor.
    template <class P>
        requires(!std::derived_from<P, pipeline> && policy<P> && std::same_as<Chain, chain<P>>)
    explicit pipeline(const P& only, Clock clock = {})
      : pipeline(detail::as_chain(only), std::move(clock)) {}
};

template <class C>
    requires detail::composable<C>
pipeline(const C&) -> pipeline<detail::chain_of<C>>;
template <class C, monotonic_clock Clock>
    requires detail::composable<C>
pipeline(const C&, Clock) -> pipeline<detail::chain_of<C>, Clock>;

/// As `pipeline`, with the chain as a template argument: its configuration is checked when this is compiled, and every
/// constant of it is folded into the code.
template <auto Chain, monotonic_clock Clock = steady_clock>
    requires detail::composable<std::remove_const_t<decltype(Chain)>>
class static_pipeline : public detail::callable_pipeline<detail::constant_chain<Chain>, Clock> {
    static_assert(!detail::as_chain(Chain).validate(),
                  "keel: a value in this chain's configuration is out of its range");

  public:
    explicit static_pipeline(Clock clock = {})
      : detail::callable_pipeline<detail::constant_chain<Chain>, Clock>({}, std::move(clock)) {}
};

namespace detail {
template <class Source, class Clock>
void any_pipeline(const callable_pipeline<Source, Clock>&);
}

/// A pipeline of any chain and clock.
template <class P>
concept executable = requires(std::remove_cvref_t<P>& p) { detail::any_pipeline(p); };

} // namespace keel
