#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../clock/clock.hpp"
#include "../../context.hpp"
#include "../../drive/walk.hpp"
#include "../../duration.hpp"
#include "../../error.hpp"
#include "../../result.hpp"
#include "alarm.hpp"
#include "attempts.hpp"
#include "cancellable.hpp"
#include "coroutine_thread.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace keel::detail {

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

/// Runs what is inside the policy that forks, for the coroutine that drives `call`.
template <class Course, class F>
boost::asio::awaitable<step> run_fork(Course& call, const F& fn);

// GCC 12 warns of each coroutine that has to do with a type of a main file's own, such as that of a lambda there.
#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif

/// Takes the steps of a call in a coroutine: waits suspend it. An attempt is cancelled at the deadline that the chain
/// has set for it, and its end awaited.
template <class Course, class F, class... Args>
boost::asio::awaitable<typename Course::answer> drive(typename Course::start from, F fn, Args... args) {
    using lanes = typename Course::lanes;
    using result = typename Course::result;
    using raw = typename Course::raw;
    constexpr bool can_time_out = lanes::parts::reasons.has(errc::timed_out);
    constexpr auto none = boost::asio::cancellation_type::none;

    Course steps(from);
    const auto& clock = steps.pipeline().clock();
    for (step next = steps.begin(); next != step::finish;) {
        if (next == step::wait) {
            // Awaiting a coroutine throws where the caller has cancelled already.
            const boost::asio::cancellation_state caller = co_await boost::asio::this_coro::cancellation_state;
            bool is_over = caller.cancelled() == none;
            if (is_over) is_over = co_await sleep_until(clock, steps.due());
            if (!is_over) co_return steps.cancelled({}, {});
            next = steps.waited();
            continue;
        }
        if constexpr (Course::forks) {
            if (next == step::fork) {
                next = co_await run_fork(steps, fn);
                // It has not gone on where the caller has cancelled it.
                if (next == step::fork) co_return steps.cancelled();
                continue;
            }
        }
        const context told = steps.tell();

        cancellable attempt;
        if (can_time_out && told.deadline() != no_deadline) {
            const bool was_switched = co_await is_switched();
            co_await [&](auto* frame) { return attempt.begin(frame, was_switched, clock, told.deadline()); };
        }
        std::optional<result> returned;
        std::exception_ptr thrown;
        try {
            if constexpr (std::is_void_v<raw>) {
                co_await begin_attempt(fn, told, args...);
                const auto nothing = [] {};
                returned.emplace(Course::channel::invoke(nothing));
            } else {
                raw value = co_await begin_attempt(fn, told, args...);
                const auto taken = [&]() -> raw { return std::move(value); };
                returned.emplace(Course::channel::invoke(taken));
            }
        } catch (...) {
            thrown = std::current_exception();
        }
        if (attempt.is_to_leave()) {
            const bool was_switched = co_await is_switched();
            co_await [&](auto* frame) { return cancellable::leave(frame, was_switched); };
        }
        bool is_late = attempt.end();
        if (steps.is_lost()) co_return steps.cancelled({}, {});
        if (!returned || !is_ok(*returned)) {
            const boost::asio::cancellation_state caller = co_await boost::asio::this_coro::cancellation_state;
            const bool is_cancelled = caller.cancelled() != none || steps.is_cancelled();
            // A deadline that is also one further out may reach it as a cancellation by the caller.
            if (is_cancelled && can_time_out && !is_late) is_late = clock.now() >= told.deadline();
            if (is_cancelled && !is_late) co_return steps.cancelled(thrown, std::move(returned));
            if (is_late) {
                next = steps.timed_out(told);
                continue;
            }
        }
        next =
            returned ? steps.returned(told, *std::move(returned)) : steps.threw(told, thrown, is_cancellation(thrown));
    }
    if constexpr (std::is_void_v<typename Course::answer>)
        steps.take();
    else
        co_return steps.take();
}

#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic pop
#endif

} // namespace keel::detail
