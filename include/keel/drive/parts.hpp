#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../chain.hpp"
#include "../detail/macros.hpp"
#include "../error.hpp"
#include "../named.hpp"
#include "../policy.hpp"
#include "channel.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <utility>

namespace keel::detail {

template <class Chain>
struct stored_chain {
    using type = Chain;

    explicit stored_chain(const Chain& c)
      : chain_(c)
      , retries_(c.retries())
      , wants_settle_time_(c.needs().settle_time) {}

    template <std::size_t I>
    KEEL_ALWAYS_INLINE const auto& get() const noexcept {
        return boost::hana::at_c<I>(chain_.policies);
    }
    // That a timeout wants the time at entry is known when this is compiled. What is only known at run time is asked
    // for once, and not from each policy on every call.
    KEEL_ALWAYS_INLINE keel::needs needs() const noexcept { return {chain_.needs().entry_time, wants_settle_time_}; }
    KEEL_ALWAYS_INLINE std::uint32_t retries() const noexcept { return retries_; }

  private:
    Chain chain_;
    std::uint32_t retries_;
    bool wants_settle_time_; // last: what stands behind this may use the bytes that it leaves
};

template <auto Chain>
struct constant_chain {
    static constexpr auto chain = as_chain(Chain);
    using type = std::remove_const_t<decltype(chain)>;

    template <std::size_t I>
    KEEL_ALWAYS_INLINE static constexpr const auto& get() noexcept {
        return boost::hana::at_c<I>(chain.policies);
    }
    static constexpr keel::needs needs() noexcept { return chain.needs(); }
    static constexpr std::uint32_t retries() noexcept {
        constexpr std::uint32_t all = chain.retries();
        return all;
    }
};

/// The place of the first that is true.
constexpr std::size_t first_of(std::initializer_list<bool> all) noexcept {
    std::size_t i = 0;
    while (!all.begin()[i])
        ++i;
    return i;
}

/// One element of a tuple whose elements are neither copied nor moved.
template <std::size_t I, class T>
struct element {
    T value;
};
// Only where it is of use: into a member that may overlap, nothing can be built in place.
template <std::size_t I, class T>
    requires std::is_empty_v<T>
struct element<I, T> {
    [[no_unique_address]] T value;
};

template <class State>
concept keeps_circuit = requires(State& state) { state.circuit; };

template <class P, literal Name>
inline constexpr bool goes_by = false;
template <class P, literal Name>
    requires requires { P::name == Name; }
inline constexpr bool goes_by<P, Name> = P::name == Name;

template <std::size_t I, class T>
KEEL_ALWAYS_INLINE constexpr T& at(element<I, T>& e) noexcept {
    return e.value;
}
template <std::size_t I, class T>
KEEL_ALWAYS_INLINE constexpr const T& at(const element<I, T>& e) noexcept {
    return e.value;
}

template <class P>
concept can_let_pass = requires(const P& p, errc reason) {
    { p.lets_pass(reason) } noexcept -> std::same_as<bool>;
};

template <class Indices, class Chain, class Clock>
struct parts;

/// What a pipeline keeps for a chain: the states of its policies. And for each call: their frames.
template <std::size_t... I, class... P, class Clock>
struct parts<std::index_sequence<I...>, chain<P...>, Clock> {
    struct states : element<I, state_of<P, Clock>>... {
        template <class Source>
        states(const Source& source, const Clock& clock)
          : element<I, state_of<P, Clock>>{made<state_of<P, Clock>>(source.template get<I>(), clock)}... {}
    };
    static constexpr bool express = ((lane_of<P, state_of<P, Clock>> != express_lane::none) && ...);

    static constexpr bool has_circuit[sizeof...(P) + 1] = {keeps_circuit<state_of<P, Clock>>...};

    /// Where the n-th circuit stands, counted from the left, or the policy with that name; the size where there is
    /// none.
    static constexpr std::size_t nth_circuit(std::size_t n) noexcept {
        std::size_t i = 0;
        while (i < sizeof...(P) && !(has_circuit[i] && n-- == 0))
            ++i;
        return i;
    }
    template <literal Name>
    static constexpr std::size_t index_of() noexcept {
        constexpr bool named[sizeof...(P) + 1] = {goes_by<P, Name>...};
        static_assert((std::size_t{goes_by<P, Name>} + ...) <= 1,
                      "keel: several policies of this chain have that name");
        std::size_t i = 0;
        while (i < sizeof...(P) && !named[i])
            ++i;
        return i;
    }

    /// Where the retries begin that calls inside an attempt share; the size where there are none.
    static constexpr std::size_t outermost_retry = first_of({counts_retries<P>..., true});

    /// What runs its inside several times at once; the size where nothing does.
    static constexpr std::size_t outermost_fork = first_of({forks<P>..., true});
    static_assert((std::size_t{forks<P>} + ... + 0) <= 1,
                  "keel: a hedge in a hedge multiplies the attempts: keep one of them, with more `extra`");

    /// How many policies, from the outside in, leave nothing to give back. A call that the next one does not admit may
    /// begin anew, and so may one that any of these does not.
    static constexpr std::size_t leave_nothing = first_of({!can_let_pass<P>..., true});

    /// The frames that the express lane fills in. The fewer, the less its exits have to save: were these large,
    /// compilers would not inline the caller of a pipeline.
    struct express_frames : element<I, express_frame_of<P, state_of<P, Clock>>>... {};

    struct frames : element<I, frame_of<P>>... {
        explicit frames(const express_frames& kept)
          : element<I, frame_of<P>>{begun<I, P>(kept)}... {}
    };

    static constexpr auto reasons = [] {
        distinct<(rejections_of<P>().size() + ... + 0)> all;
        (
            [&] {
                for (const errc each : rejections_of<P>())
                    all.add(each);
            }(),
            ...);
        return all;
    }();

    template <class X>
    static constexpr auto error_for() {
        return []<std::size_t... R>(std::index_sequence<R...>) {
            return std::type_identity<error_of<X, reasons.reasons[R]...>>{};
        }(std::make_index_sequence<reasons.count>());
    }

  private:
    template <std::size_t J, class Policy>
    static frame_of<Policy> begun([[maybe_unused]] const express_frames& kept) {
        if constexpr (lane_of<Policy, state_of<Policy, Clock>> == express_lane::with_frame)
            return detail::at<J>(kept);
        else
            return {};
    }
    template <class State, class Policy>
    static State made([[maybe_unused]] const Policy& p, [[maybe_unused]] const Clock& clock) {
        if constexpr (std::is_same_v<State, absent>)
            return {};
        else if constexpr (std::is_constructible_v<State, const Policy&, const Clock&>)
            return State(p, clock);
        else
            return State(p);
    }
};

} // namespace keel::detail
