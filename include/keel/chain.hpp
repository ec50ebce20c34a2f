#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "config.hpp"
#include "policy.hpp"

#include <boost/hana/tuple.hpp>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace keel {

/// Policies joined by `|`, the leftmost outermost: `timeout | retry | breaker` sets one deadline for all attempts, and
/// each attempt asks the breaker. A value: constexpr, copyable, and a template argument if all its policies are.
template <policy... Policies>
struct chain {
    static constexpr std::size_t size = sizeof...(Policies);

    boost::hana::tuple<Policies...> policies;

    template <std::size_t I>
    constexpr const auto& get() const noexcept {
        return boost::hana::at_c<I>(policies);
    }

    /// The first thing that is wrong with the configuration of any policy, from the outside in.
    constexpr config_error validate() const noexcept {
        return boost::hana::unpack(policies, [](const Policies&... each) {
            config_error first;
            static_cast<void>((!(first = detail::validate(each)) && ...));
            return first;
        });
    }

    /// What all policies together want in a call.
    constexpr keel::needs needs() const noexcept {
        return boost::hana::unpack(
            policies, [](const Policies&... each) { return (keel::needs{} | ... | detail::needs_of(each)); });
    }
};

namespace detail {

template <class T>
inline constexpr bool is_chain = false;
template <class... P>
inline constexpr bool is_chain<chain<P...>> = true;

template <class T>
concept composable = is_chain<T> || policy<T>;

/// A chain as it is, a policy as a chain of one.
template <class... P>
constexpr const chain<P...>& as_chain(const chain<P...>& c) noexcept {
    return c;
}
template <policy P>
constexpr chain<P> as_chain(const P& p) {
    return {boost::hana::make_tuple(p)};
}

template <class T>
using chain_of = std::remove_cvref_t<decltype(detail::as_chain(std::declval<const T&>()))>;

template <class... A, class... B>
constexpr chain<A..., B...> joined(const chain<A...>& outer, const chain<B...>& inner) {
    return boost::hana::unpack(outer.policies, [&](const A&... a) {
        return boost::hana::unpack(inner.policies, [&](const B&... b) {
            return chain<A..., B...>{boost::hana::tuple<A..., B...>(a..., b...)};
        });
    });
}

} // namespace detail

/// `outer | inner`. Chains and policies join alike.
template <detail::composable Outer, detail::composable Inner>
constexpr auto operator|(const Outer& outer, const Inner& inner) {
    return detail::joined(detail::as_chain(outer), detail::as_chain(inner));
}

// What is piped into or out of a policy without being one. Deleted and not missing, so that the diagnostic names the
// reason, and constrained, so that `requires { a | b; }` answers no.
struct what_is_piped_here_is_not_a_policy__a_policy_has_admit_and_settle;
template <detail::composable Outer, class NoPolicy>
    requires(!detail::composable<std::remove_cvref_t<NoPolicy>>)
what_is_piped_here_is_not_a_policy__a_policy_has_admit_and_settle operator|(const Outer&, NoPolicy&&) = delete;
template <class NoPolicy, detail::composable Inner>
    requires(!detail::composable<std::remove_cvref_t<NoPolicy>>)
what_is_piped_here_is_not_a_policy__a_policy_has_admit_and_settle operator|(NoPolicy&&, const Inner&) = delete;

} // namespace keel
