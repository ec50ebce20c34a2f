#pragma once
// SPDX-License-Identifier: BSL-1.0

// Coroutines on Boost.Asio.

#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error "keel: keel/adapt/asio.hpp needs Boost 1.81 or later"
#endif

#include "../clock/clock.hpp"
#include "../context.hpp"
#include "../detail/lesser.hpp"
#include "../drive/channel.hpp"
#include "../drive/express_lane.hpp"
#include "../duration.hpp"
#include "../pipeline.hpp"
#include "asio/attempts.hpp"
#include "asio/course.hpp"
#include "asio/drive.hpp"
#include "asio/fork.hpp" // IWYU pragma: keep
#include "asio/virtual_time.hpp" // IWYU pragma: export

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <type_traits>
#include <utility>

namespace keel {
namespace detail {

template <class Source, class Clock, class F, class... Args>
auto drive_decayed(lanes<Source, Clock>& pipeline, const context* outer, F&& fn, Args&&... args) {
    using raw = awaited_result<std::decay_t<F>, std::decay_t<Args>...>;
    using lanes = detail::lanes<Source, Clock>;
    using course = detail::course<lanes, raw, decltype(channel_for<raw, typename lanes::parts>())>;
    if constexpr (course::forks) {
        using attempt = shared_attempt<std::decay_t<F>, std::decay_t<Args>...>;
        return drive<course, attempt>({pipeline, outer},
                                      attempt(std::in_place, std::forward<F>(fn), std::forward<Args>(args)...));
    } else {
        return drive<course, std::decay_t<F>, std::decay_t<Args>...>({pipeline, outer}, std::forward<F>(fn),
                                                                     std::forward<Args>(args)...);
    }
}

} // namespace detail

/// Calls `fn(args...)` through the pipeline in a coroutine: `co_await keel::async(p, fn, args...)`. `fn` returns an
/// `asio::awaitable<T>`, and may take a `const keel::context&` first. The result is what the pipeline would return for
/// a function that returns `T`; rejections and exceptions are as there.
///
/// Waits are timers on the executor of the coroutine. When the deadline of an attempt passes, and the chain has a
/// `timeout`, what the attempt awaits is cancelled by `cancellation_type::all`, its end is awaited, and a failure
/// becomes `errc::timed_out`. When the caller cancels, waits and attempts end at once; that counts as ignored, and what
/// policies have taken goes back. The result is then what the attempt ended with, and between attempts the error, or
/// exception, `operation_aborted`.
///
/// `fn` and `args` are copied, or moved if they are rvalues; `std::ref` hands on references. The pipeline must outlive
/// the call. Any number of calls may run at once, in any number of threads, with or without strands.
template <executable P, class F, class... Args>
    requires detail::attempt_coroutine<std::decay_t<F>, std::decay_t<Args>...>
auto async(P& pipeline, F&& fn, Args&&... args) {
    return detail::drive_decayed(pipeline, nullptr, std::forward<F>(fn), std::forward<Args>(args)...);
}
/// As part of the call that `outer` belongs to, which must not end before it.
template <executable P, class F, class... Args>
    requires detail::attempt_coroutine<std::decay_t<F>, std::decay_t<Args>...>
auto async(P& pipeline, const context& outer, F&& fn, Args&&... args) {
    return detail::drive_decayed(pipeline, &outer, std::forward<F>(fn), std::forward<Args>(args)...);
}
template <executable P, class F, class... Args>
auto async(P&, const context&&, F&&, Args&&...) = delete;

/// Suspends the coroutine for `d`, at most 100 years, by that clock; by a `manual_clock`, until `run()` has advanced it
/// so far. Throws `boost::system::system_error` with `operation_aborted` if it is cancelled.
template <monotonic_clock Clock>
boost::asio::awaitable<void> async_sleep(Clock clock, nanos d) {
    // A variable: GCC 12 compiles a condition that awaits into something else.
    const bool is_over = co_await detail::sleep_until(clock, clock.now() + detail::lesser(d, longest));
    if (!is_over) throw boost::system::system_error(boost::asio::error::operation_aborted);
}

} // namespace keel
