#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "duration.hpp"
#include "result.hpp"

#include <concepts>
#include <utility>

namespace keel {

/// A value in a store, and when it is out of date.
template <class T>
struct cached {
    T value;
    time_point until;
};

namespace detail {

template <class T>
inline constexpr bool is_cached = false;
template <class T>
inline constexpr bool is_cached<cached<T>> = true;

template <class T>
struct value_in;
template <class T>
struct value_in<cached<T>> {
    using type = T;
};

/// Whether a function that returns an `R` returns a `V`, or an expected of one.
template <class R, class V>
inline constexpr bool brings = std::same_as<R, V>;
template <expected_like R, class V>
inline constexpr bool brings<R, V> = std::same_as<R, V> || std::same_as<typename R::value_type, V>;

/// Whether a map with its own idea of it takes two keys for the same.
template <class S, class Key>
bool are_same([[maybe_unused]] const S& store, const Key& a, const Key& b) {
    if constexpr (requires { store.key_eq()(a, b); })
        return store.key_eq()(a, b);
    else if constexpr (requires { store.key_comp()(a, b); })
        return !store.key_comp()(a, b) && !store.key_comp()(b, a);
    else
        return a == b;
}

} // namespace detail

/// What a cache keeps its values in: `std::map`, `std::unordered_map`, or anything of their shape, that maps keys to
/// `keel::cached<T>`. How much it holds, and what leaves it to make room, is its own affair.
template <class S>
concept cache_store = detail::is_cached<typename S::mapped_type> &&
                      requires(S& s, const typename S::key_type& key, typename S::mapped_type&& entry) {
                          { s.find(key) == s.end() } -> std::convertible_to<bool>;
                          { s.find(key)->second } -> std::convertible_to<const typename S::mapped_type&>;
                          s.insert_or_assign(key, std::move(entry));
                          s.erase(key);
                      };

} // namespace keel
