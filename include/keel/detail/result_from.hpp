#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../error.hpp"
#include "../result.hpp"

#include <concepts>
#include <expected>
#include <system_error>
#include <type_traits>
#include <utility>

namespace keel::detail {

// How a value or error that does not come from the user's function, such as a fallback's, becomes what a lane carries.

template <class T>
struct spelled_out {
    using type = T;
};
template <>
struct spelled_out<unit> {
    using type = void;
};
template <class T>
struct spelled_out<ref_to<T>> {
    using type = T&;
};

/// The value and the error of the function for which a lane carries `R`; void for none.
template <class R>
struct contents {
    using value = typename spelled_out<R>::type;
    using error = void;
};
template <expected_like R>
struct contents<R> {
    using value = typename spelled_out<typename R::value_type>::type;
    using error = typename users_error<typename R::error_type>::type;
};

/// Whether an expression of type `V` gives a `T`, as a `return` of it would: nothing for void, and for a reference one
/// to what outlives the call.
template <class V, class T>
concept gives_value = (std::is_void_v<T> && std::is_void_v<V>) ||
                      (!std::is_void_v<T> && !std::is_reference_v<T> && std::convertible_to<V, T>) ||
                      (std::is_reference_v<T> && std::is_lvalue_reference_v<V> &&
                       std::convertible_to<std::remove_reference_t<V>*, std::remove_reference_t<T>*>);

/// Whether it gives a value or an error, which is the function's error.
template <class V, class R>
concept gives_either = expected_like<std::remove_cvref_t<V>> && !std::is_void_v<typename contents<R>::error> &&
                       gives_value<typename std::remove_cvref_t<V>::value_type, typename contents<R>::value> &&
                       std::convertible_to<typename std::remove_cvref_t<V>::error_type, typename contents<R>::error>;

template <class V, class R>
inline constexpr bool gives_result =
    std::same_as<std::remove_cvref_t<V>, R> || gives_either<V, R> || gives_value<V, typename contents<R>::value>;
// Without an error, a success.
template <class V>
inline constexpr bool gives_result<V, std::error_code> = std::is_void_v<V> || std::convertible_to<V, std::error_code>;

template <class E, class... V>
constexpr E from_value(V&&... v) {
    if constexpr (std::constructible_from<E, std::in_place_t, V...>)
        return E(std::in_place, std::forward<V>(v)...);
    else
        return E(std::forward<V>(v)...);
}

/// The `R` that carries the function's error `x`.
template <class R, class X>
R from_users_error(X&& x) {
    using error = typename R::error_type;
    using own = typename users_error<error>::type;
    if constexpr (std::same_as<error, own>)
        return from_error<R>(static_cast<own>(std::forward<X>(x)));
    else if constexpr (requires { requires std::same_as<error, basic_failure<own>>; })
        return R(std::unexpect, std::in_place, static_cast<own>(std::forward<X>(x)));
    else
        return R(std::unexpect, std::in_place_index<0>, static_cast<own>(std::forward<X>(x)));
}

/// The `R` that `give()` gives, see `gives_result`. What it throws passes through.
template <class R, class Give>
R result_from(Give&& give) {
    using given = decltype(give());
    using value = typename contents<R>::value;
    if constexpr (std::same_as<R, std::error_code>) {
        if constexpr (std::is_void_v<given>)
            return give(), R();
        else
            return give();
    } else if constexpr (std::same_as<std::remove_cvref_t<given>, R>) {
        return give();
    } else if constexpr (gives_either<given, R>) {
        auto&& either = give();
        if (!either.has_value()) return from_users_error<R>(std::forward<decltype(either)>(either).error());
        if constexpr (std::is_void_v<value>)
            return from_value<R>();
        else
            return from_value<R>(static_cast<value>(*std::forward<decltype(either)>(either)));
    } else if constexpr (std::is_void_v<value>) {
        give();
        if constexpr (expected_like<R>)
            return from_value<R>();
        else
            return R();
    } else if constexpr (std::is_reference_v<value>) {
        const ref_to<std::remove_reference_t<value>> referred{__builtin_addressof(give())};
        if constexpr (expected_like<R>)
            return from_value<R>(referred);
        else
            return referred;
    } else if constexpr (expected_like<R>) {
        return from_value<R>(static_cast<value>(give()));
    } else {
        return static_cast<value>(give());
    }
}

} // namespace keel::detail
