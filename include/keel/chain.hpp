#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "config.hpp"
#include "context.hpp"
#include "detail/lesser.hpp"
#include "policy.hpp"

#include <boost/hana/tuple.hpp>
#include <cstddef>
#include <cstdint>
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
    constexpr config_error validate() const noexcept { return first_error(indices{}); }

    /// The needs of all policies together.
    constexpr keel::needs needs() const noexcept { return united_needs(indices{}); }

    /// How many retries all policies together can make in one call; `detail::any_number_of_retries` if none counts
    /// them.
    constexpr std::uint32_t retries() const {
        if constexpr ((detail::counts_retries<Policies> || ...))
            return united_retries(indices{});
        else
            return detail::any_number_of_retries;
    }

  private:
    // Pack expansion and not `hana::unpack`, which takes compilers several times as long.
    using indices = std::make_index_sequence<size>;

    template <std::size_t... I>
    constexpr config_error first_error(std::index_sequence<I...>) const noexcept {
        config_error first;
        static_cast<void>((!(first = detail::validate(get<I>())) && ...));
        return first;
    }
    template <std::size_t... I>
    constexpr keel::needs united_needs(std::index_sequence<I...>) const noexcept {
        return (keel::needs{} | ... | detail::needs_of(get<I>()));
    }
    // Their attempts multiply: each repeats everything inside it.
    template <std::size_t... I>
    constexpr std::uint32_t united_retries(std::index_sequence<I...>) const {
        constexpr std::uint64_t most = detail::any_number_of_retries;
        std::uint64_t attempts = 1;
        ((attempts = detail::lesser(attempts * (std::uint64_t{detail::retries_of(get<I>())} + 1), most)), ...);
        return static_cast<std::uint32_t>(attempts - 1);
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
    return {boost::hana::tuple<P>(p)};
}

template <class T>
using chain_of = std::remove_cvref_t<decltype(detail::as_chain(std::declval<const T&>()))>;

// What runs its inside again for a failure, and for nothing else.
template <class P>
concept repeats = requires { requires P::repeats; };
template <class P>
concept never_fails = requires { requires P::never_fails; };

/// What neither fails nor refuses by itself.
template <class P>
inline constexpr bool adds_no_failure = requires { P::repeats; } || requires { P::never_fails; };

/// Whether something in the chain runs again what fails, where what is inside it never does.
template <class... P>
constexpr bool has_nothing_to_repeat() {
    constexpr bool repeat[] = {repeats<P>...}, never_fail[] = {never_fails<P>...}, add_none[] = {adds_no_failure<P>...};
    for (std::size_t i = 0; i < sizeof...(P); ++i) {
        for (std::size_t j = i + 1; repeat[i] && j < sizeof...(P) && add_none[j]; ++j) {
            if (never_fail[j]) return true;
        }
    }
    return false;
}
/// Whether joining them makes such a chain.
template <class Outer, class Inner>
inline constexpr bool starves = false;
template <class... A, class... B>
inline constexpr bool starves<chain<A...>, chain<B...>> = has_nothing_to_repeat<A..., B...>();

template <class... A, std::size_t... I, class... B, std::size_t... J>
constexpr chain<A..., B...> joined(const chain<A...>& outer, std::index_sequence<I...>, const chain<B...>& inner,
                                   std::index_sequence<J...>) {
    return {boost::hana::tuple<A..., B...>(outer.template get<I>()..., inner.template get<J>()...)};
}

} // namespace detail

/// `outer | inner`. Chains and policies join alike.
template <detail::composable Outer, detail::composable Inner>
    requires(!detail::starves<detail::chain_of<Outer>, detail::chain_of<Inner>>)
constexpr auto operator|(const Outer& outer, const Inner& inner) {
    const auto& a = detail::as_chain(outer);
    const auto& b = detail::as_chain(inner);
    return detail::joined(a, std::make_index_sequence<detail::chain_of<Outer>::size>(), b,
                          std::make_index_sequence<detail::chain_of<Inner>::size>());
}

// For `|` between a policy and something that is none. Deleted rather than missing, so that the diagnostic names the
// reason; constrained, so that `requires { a | b; }` answers no.
struct what_is_piped_here_is_not_a_policy_which_has_admit_and_settle;
template <detail::composable Outer, class NoPolicy>
    requires(!detail::composable<std::remove_cvref_t<NoPolicy>>)
what_is_piped_here_is_not_a_policy_which_has_admit_and_settle operator|(const Outer&, NoPolicy&&) = delete;
template <class NoPolicy, detail::composable Inner>
    requires(!detail::composable<std::remove_cvref_t<NoPolicy>>)
what_is_piped_here_is_not_a_policy_which_has_admit_and_settle operator|(NoPolicy&&, const Inner&) = delete;

// For a retry that no failure could ever reach. Decided by type, because the values of a chain may not be known before
// run time.
struct a_fallback_for_everything_belongs_left_of_retry_which_it_starves;
template <detail::composable Outer, detail::composable Inner>
    requires detail::starves<detail::chain_of<Outer>, detail::chain_of<Inner>>
a_fallback_for_everything_belongs_left_of_retry_which_it_starves operator|(const Outer&, const Inner&) = delete;

} // namespace keel
