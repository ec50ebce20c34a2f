#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../context.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <concepts>
#include <exception>
#include <functional>
#include <type_traits>

namespace keel::detail {

// What a pipeline asks of the user's coroutine.

template <class A>
struct awaited;
template <class T>
struct awaited<boost::asio::awaitable<T, boost::asio::any_io_executor>> {
    using type = T;
};

template <class F, class... Args>
concept takes_context_first = std::invocable<F&, const context&, Args&...>;

template <class F, class... Args>
struct raw_awaitable : std::invoke_result<F&, Args&...> {};
template <class F, class... Args>
    requires takes_context_first<F, Args...>
struct raw_awaitable<F, Args...> : std::invoke_result<F&, const context&, Args&...> {};

/// What the coroutine of the user's gives, once it is awaited.
template <class F, class... Args>
using awaited_result = typename awaited<typename raw_awaitable<F, Args...>::type>::type;

template <class F, class... Args>
concept attempt_coroutine = requires { typename awaited_result<F, Args...>; };

template <class F, class... Args>
auto begin_attempt(F& fn, [[maybe_unused]] const context& told, Args&... args) {
    if constexpr (takes_context_first<F, Args...>)
        return std::invoke(fn, told, args...);
    else
        return std::invoke(fn, args...);
}

inline bool is_cancellation(const std::exception_ptr& thrown) noexcept {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& e) {
        return e.code() == boost::asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

} // namespace keel::detail
