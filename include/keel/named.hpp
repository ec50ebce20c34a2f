#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "policy.hpp"

#include <cstddef>

namespace keel {
namespace detail {

/// A string literal as a template argument.
template <std::size_t Size>
struct literal {
    char text[Size]{};

    consteval literal(const char (&from)[Size]) noexcept {
        for (std::size_t i = 0; i < Size; ++i)
            text[i] = from[i];
    }
    template <std::size_t Other>
    constexpr bool operator==(const literal<Other>& other) const noexcept {
        if constexpr (Size == Other) {
            for (std::size_t i = 0; i < Size; ++i) {
                if (text[i] != other.text[i]) return false;
            }
            return true;
        } else {
            return false;
        }
    }
};

} // namespace detail

/// A policy with a name, by which its pipeline finds it: `p.get<"payments">()`. Otherwise the policy itself.
template <detail::literal Name, policy P>
struct named_policy : P {
    static constexpr detail::literal name = Name;
};

/// `named<"payments">(breaker<sliding_window>({.open_for = 10s})) | ...`
template <detail::literal Name, policy P>
constexpr named_policy<Name, P> named(const P& p) {
    return {p};
}

} // namespace keel
