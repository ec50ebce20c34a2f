#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../error.hpp"
#include "../outcome.hpp"
#include "../result.hpp"

#include <concepts>
#include <system_error>
#include <utility>

namespace keel::detail {

template <class R>
struct failure_type {
    using type = failure;
};
template <>
struct failure_type<std::error_code> {
    using type = basic_failure<std::error_code>;
};
template <expected_like R>
struct failure_type<R> {
    using type = basic_failure<typename users_error<typename R::error_type>::type>;
};

/// The failure of a call with the result `R`, as a user gets it: a `keel::failure`, which has the function's error
/// where the function can return one.
template <class R>
using failure_of = typename failure_type<R>::type;

template <class X, errc... Rs>
basic_failure<X> as_failure(error_of<X, Rs...>&& e) {
    if (X* own = e.error()) return basic_failure<X>(std::in_place, std::move(*own));
    return basic_failure<X>(e.reason(), e.retry_after());
}
template <class X>
basic_failure<X> as_failure(basic_failure<X>&& f) {
    return std::move(f);
}
template <class X>
basic_failure<X> as_failure(X error) {
    return basic_failure<X>(std::in_place, std::move(error));
}

/// The failure in `o`, whose error is moved from. For a value that a selector calls a failure it has neither rejection
/// nor exception nor error.
template <class R>
failure_of<R> take_failure(outcome_of<R>& o) {
    using told = failure_of<R>;
    if (o.rejection() != errc{}) return told(o.rejection(), o.retry_after());
    if (o.exception()) return told(o.exception());
    if constexpr (expected_like<R>) {
        if (!o.succeeded()) return as_failure(typename R::error_type(std::move(*o.result()).error()));
    } else if constexpr (std::same_as<R, std::error_code>) {
        if (!o.succeeded()) return as_failure(*o.result());
    }
    return told(errc{});
}

} // namespace keel::detail
