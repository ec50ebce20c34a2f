#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../call.hpp"
#include "../../clock/clock.hpp"
#include "../../context.hpp"
#include "../../detail/says_nothing.hpp"
#include "../../drive/channel.hpp"
#include "../../drive/express_lane.hpp"
#include "../../drive/walk.hpp"
#include "../../duration.hpp"
#include "../../error.hpp"
#include "../../result.hpp"
#include "alarm.hpp"
#include "cancellable.hpp"
#include "course.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace keel::detail {

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

/// What `co_await` gives for a function that gives `Raw`.
template <class Raw, class Channel>
using answer_of = std::conditional_t<reports_errors<Raw>, typename Channel::result, Raw>;

/// What a call ends with whose caller has cancelled it between two attempts: an error if one can say so.
template <class Raw, class Channel>
answer_of<Raw, Channel> cancelled_result() {
    const boost::system::error_code aborted = boost::asio::error::operation_aborted;
    if constexpr (std::same_as<Raw, std::error_code>) {
        return aborted;
    } else if constexpr (reports_errors<Raw>) {
        using error = typename Raw::error_type;
        if constexpr (std::constructible_from<error, std::error_code>) {
            const auto says = [&] { return from_error<Raw>(error(std::error_code(aborted))); };
            return Channel::invoke(says);
        }
    }
    throw boost::system::system_error(aborted);
}

/// Whether it has become that late; otherwise it was cancelled. In a coroutine of its own, for Asio recycles frames of
/// up to 1 KiB.
template <monotonic_clock Clock>
boost::asio::awaitable<bool> sleep_until(const Clock& clock, time_point due) {
    alarm until;
    for (;;) {
        const boost::asio::cancellation_state caller = co_await boost::asio::this_coro::cancellation_state;
        if (caller.cancelled() != boost::asio::cancellation_type::none) co_return false;
        if (clock.now() >= due) co_return true;
        until.set(co_await boost::asio::this_coro::executor, clock, due);
        const auto [ended] = co_await until.async_wait(boost::asio::as_tuple(boost::asio::deferred));
        if (!until.has_rung(ended)) co_return false;
    }
}

/// Takes the steps of a call in a coroutine: waits suspend it. An attempt is cancelled at the deadline that the chain
/// has set for it, and its end awaited.
template <class Channel, class Source, class Clock, class F, class... Args>
auto drive(lanes<Source, Clock>& pipeline, const context* outer, F fn, Args... args)
    -> boost::asio::awaitable<answer_of<awaited_result<F, Args...>, Channel>> {
    namespace this_coro = boost::asio::this_coro;
    using result = typename Channel::result;
    using raw = awaited_result<F, Args...>;
    constexpr bool can_time_out = lanes<Source, Clock>::parts::reasons.has(errc::timed_out);
    constexpr auto none = boost::asio::cancellation_type::none;

    const Clock& clock = pipeline.clock();
    course<lanes<Source, Clock>, Channel> steps(pipeline, outer == nullptr ? call(clock_ref(clock))
                                                                           : call(clock_ref(clock), *outer));
    for (step next = steps.begin(); next != step::finish;) {
        if (next == step::wait) {
            if (!co_await sleep_until(clock, steps.due())) co_return cancelled_result<raw, Channel>();
            next = steps.waited();
            continue;
        }

        const context told = steps.tell();
        cancellable attempt;
        if (can_time_out && told.deadline() != no_deadline) {
            const bool was_switched = co_await boost::asio::detail::awaitable_thread_has_context_switched{};
            co_await [&](auto* frame) { return attempt.begin(frame, was_switched, clock, told.deadline()); };
        }
        std::optional<result> returned;
        std::exception_ptr thrown;
        try {
            if constexpr (std::is_void_v<raw>) {
                co_await begin_attempt(fn, told, args...);
                const auto nothing = [] {};
                returned.emplace(Channel::invoke(nothing));
            } else {
                raw value = co_await begin_attempt(fn, told, args...);
                const auto taken = [&]() -> raw { return std::move(value); };
                returned.emplace(Channel::invoke(taken));
            }
        } catch (...) {
            thrown = std::current_exception();
        }
        if (attempt.is_to_leave()) {
            const bool was_switched = co_await boost::asio::detail::awaitable_thread_has_context_switched{};
            co_await [&](auto* frame) { return cancellable::leave(frame, was_switched); };
        }
        bool is_late = attempt.end();
        if (!returned || !is_ok(*returned)) {
            const boost::asio::cancellation_state caller = co_await this_coro::cancellation_state;
            const bool is_cancelled = caller.cancelled() != none;
            // A deadline that is also one further out may reach it as a cancellation by the caller.
            if (is_cancelled && can_time_out && !is_late) is_late = clock.now() >= told.deadline();
            if (is_cancelled && !is_late) {
                if (thrown) std::rethrow_exception(thrown);
                if constexpr (reports_errors<raw>) co_return *std::move(returned);
            }
            if (is_late) {
                next = steps.timed_out(told);
                continue;
            }
        }
        next =
            returned ? steps.returned(told, *std::move(returned)) : steps.threw(told, thrown, is_cancellation(thrown));
    }
    if constexpr (std::is_void_v<raw>)
        static_cast<void>(steps.take());
    else
        co_return steps.take();
}

} // namespace keel::detail
