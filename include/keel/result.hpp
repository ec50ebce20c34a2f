#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "detail/macros.hpp"
#include "error.hpp"

#include <concepts>
#include <expected>
#include <system_error>
#include <utility>

namespace keel {

/// `std::expected`, and any type of its shape: holds a value or an error, and can be made from an error alone.
template <class E>
concept expected_like = requires(const E& e) {
    typename E::value_type;
    typename E::error_type;
    { e.has_value() } -> std::convertible_to<bool>;
    { e.error() } -> std::convertible_to<const typename E::error_type&>;
};

/// A function that returns one of these reports failure by it, and not by an exception.
template <class R>
concept reports_errors = expected_like<R> || std::same_as<R, std::error_code>;

namespace detail {

/// What a call that is driven by hand returns, to its policies: there is no value in it.
using by_hand_result = std::expected<void, std::error_code>;

template <class E, class X>
concept takes_unexpect = std::constructible_from<E, std::unexpect_t, X>;
template <class E, class X>
concept takes_unexpected = requires {
    typename E::unexpected_type;
} && std::constructible_from<E, typename E::unexpected_type> && std::constructible_from<typename E::unexpected_type, X>;

/// An `E` that holds the error `x`.
template <class E, class X>
constexpr E from_error(X&& x) {
    if constexpr (takes_unexpect<E, X>)
        return E(std::unexpect, std::forward<X>(x));
    else if constexpr (takes_unexpected<E, X>)
        return E(typename E::unexpected_type(std::forward<X>(x)));
    else
        return E(std::forward<X>(x));
}

/// Stands for void.
struct unit {};

/// Stands for a reference: what a pointer would be, were pointers not results of their own.
template <class T>
struct ref_to {
    T* target;
};
template <class R>
inline constexpr bool is_ref_to = false;
template <class T>
inline constexpr bool is_ref_to<ref_to<T>> = true;

template <class R>
KEEL_ALWAYS_INLINE constexpr bool is_ok(const R& r) noexcept {
    if constexpr (expected_like<R>)
        return r.has_value();
    else if constexpr (std::same_as<R, std::error_code>)
        return !r;
    else
        return true;
}

/// The user's own error in what stands for it.
template <class T>
struct users_error {
    using type = T;
    static const T* in(const T& x) noexcept { return &x; }
};
template <class X, errc... Rs>
struct users_error<error_of<X, Rs...>> {
    using type = X;
    static const X* in(const error_of<X, Rs...>& e) noexcept { return e.error(); }
};
template <class X>
struct users_error<basic_failure<X>> {
    using type = X;
    static const X* in(const basic_failure<X>& f) noexcept { return f.error(); }
};
template <>
struct users_error<failure> {
    using type = void;
    static const unit* in(const failure&) noexcept { return nullptr; }
};

/// The error that the user's function put into `r`, which is not ok; null if something else stands in its place.
template <class R>
constexpr auto error_in(const R& r) noexcept {
    if constexpr (expected_like<R>)
        return users_error<typename R::error_type>::in(r.error());
    else if constexpr (std::same_as<R, std::error_code>)
        return &r;
    else
        return static_cast<const unit*>(nullptr);
}

} // namespace detail
} // namespace keel
