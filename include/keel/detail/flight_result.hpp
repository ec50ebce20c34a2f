#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../context.hpp"
#include "../drive/channel.hpp"
#include "../drive/function.hpp"
#include "../error.hpp"
#include "../result.hpp"
#include "result_from.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace keel::detail {

// How calls that share an execution answer for functions that return a `T`.

template <class T>
struct channel_of_flight {
    using type = throwing_channel<T>;
};
template <reports_errors T>
struct channel_of_flight<T> {
    using type = same_type_channel<T>;
};
template <expected_like T>
    requires(!std::constructible_from<typename T::error_type, errc>)
struct channel_of_flight<T> {
    using type = widening_channel<T, error_of<typename T::error_type, errc::timed_out, errc::refused>>;
};

/// A function that can be called for a `T`.
template <class F, class T>
concept flies = attemptable<F> && gives_value<raw_result<F>, T>;

/// What `f` returns, as it is handed about.
template <class T, class F>
carried<T> carried_result(call& c, F& f) {
    c.attempt = 1;
    const auto called = [&]() -> T {
        if constexpr (takes_context<F>)
            return f(c.as_context());
        else
            return f();
    };
    return throwing_channel<T>::invoke(called);
}

/// What `Channel` makes of it.
template <class Channel, class T>
typename Channel::result answer_with(carried<T>&& result) {
    const auto given = [&]() -> T {
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*result.target);
        else if constexpr (!std::is_void_v<T>)
            return std::move(result);
    };
    return Channel::invoke(given);
}

} // namespace keel::detail
