#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "subject.hpp"

#include <keel/detail/macros.hpp>
#include <keel/random.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace matrix {

// Which chains are tested. Each table is a file of its own, to be compiled beside the others.

/// Whether keel lets one compose them, all from left to right.
template <kind... Kinds>
concept composable =
    requires(const settings& s, beside& b, world& w) { (... | policy_of<Kinds, by_expected>(s, b, w)); };

inline constexpr std::size_t triples = policies * policies * policies;

/// All ordered triples in an order that a generator has drawn.
inline constexpr std::array<std::uint32_t, triples> shuffled = [] {
    std::array<std::uint32_t, triples> all{};
    keel::random_source random(42);
    for (std::uint32_t i = 0; i < triples; ++i) {
        const auto j = static_cast<std::uint32_t>(random() % (i + 1));
        all[i] = all[j];
        all[j] = i;
    }
    return all;
}();

/// The n-th drawn triple, with drawn forms. A fallback that would starve a retry is one of another form.
constexpr std::array<kind, 3> drawn_triple(std::size_t n) {
    keel::random_source random(n);
    std::array<kind, 3> chain{};
    std::size_t rest = shuffled[n];
    for (std::size_t i = 0; i < 3; ++i, rest /= policies)
        chain[i] = form_of(static_cast<kind>(rest % policies), static_cast<std::uint32_t>(random() >> 32));
    for (std::size_t i = 1; i < 3; ++i) {
        if (starves(std::span(chain).first(i + 1)))
            chain[i] = n % 2 == 0 ? kind::fallback_function : kind::fallback_for_rejections;
    }
    return chain;
}

/// A chain that does not compile has no `make`.
template <class Channel, bool TellsContext, kind... Kinds>
constexpr entry entry_of() {
    entry e{{{Kinds...}, sizeof...(Kinds)}, Channel::name, TellsContext, nullptr};
    if constexpr (composable<Kinds...>) e.make = make_subject<Channel, TellsContext, Kinds...>;
    return e;
}

/// In the other channel those get a context that get none in this one.
template <class Channel, bool Other, std::size_t... I>
constexpr auto all_pairs(std::index_sequence<I...>) {
    return std::array{entry_of<Channel, (I / policies + I % policies) % 2 == Other, static_cast<kind>(I / policies),
                               static_cast<kind>(I % policies)>()...};
}

/// Every fourth triple from the n-th on: both channels, with a context and without, each have those of their own.
template <class Channel, bool TellsContext, std::size_t First, std::size_t... I>
constexpr auto triples_from(std::index_sequence<I...>) {
    return std::array{[]<std::size_t N>(std::integral_constant<std::size_t, N>) {
        constexpr std::array<kind, 3> chain = drawn_triple(N);
        return entry_of<Channel, TellsContext, chain[0], chain[1], chain[2]>();
    }(std::integral_constant<std::size_t, First + 4 * I>{})...};
}
inline constexpr std::size_t triples_of_each = KEEL_HAS_EXCEPTIONS ? 100 : 50;

std::span<const entry> pairs_by_expected();
std::span<const entry> triples_by_expected();
std::span<const entry> triples_by_expected_with_context();
std::span<const entry> pairs_by_exception();
std::span<const entry> triples_by_exception();
std::span<const entry> triples_by_exception_with_context();

} // namespace matrix
