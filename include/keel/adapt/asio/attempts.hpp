#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../context.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/system/system_error.hpp>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

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

/// The function of a call and its arguments, for attempts that end in any order where their context is destroyed.
template <class F, class... Args>
class shared_attempt {
    static_assert(attempt_coroutine<const F, const Args...>,
                  "keel: hedge calls the function several times at once, so it must be callable as const: a closure "
                  "without `mutable`, whose arguments are not changed");
    using all = std::tuple<F, Args...>;

  public:
    template <class G, class... As>
    explicit shared_attempt(std::in_place_t, G&& fn, As&&... args)
      : all_(std::allocate_shared<all>(boost::asio::recycling_allocator<all>(), std::forward<G>(fn),
                                       std::forward<As>(args)...)) {}

    auto operator()(const context& told) const {
        return std::apply([&](const F& fn, const Args&... args) { return begin_attempt(fn, told, args...); }, *all_);
    }

  private:
    std::shared_ptr<const all> all_;
};

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
