#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../call.hpp"
#include "../../clock/clock.hpp"
#include "../../context.hpp"
#include "../../detail/retrying.hpp"
#include "../../drive/walk.hpp"
#include "../../duration.hpp"
#include "../../handle.hpp"
#include "../../outcome.hpp"
#include "attempts.hpp"
#include "cancellable.hpp"
#include "drive.hpp"
#include "race.hpp"
#include "steps.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// One of several attempts of a call: through what is inside the policy that forks.
template <class Course>
class branch {
  public:
    using lanes = typename Course::lanes;
    using raw = typename Course::raw;
    using channel = typename Course::channel;
    using result = typename Course::result;
    using answer = void;
    static constexpr bool forks = false;

    struct start {
        lanes& pipeline;
        steps<lanes, result>& inner;
        std::atomic<std::uint32_t>& numbers;
        bool& has_finished;
    };
    explicit branch(const start& from) noexcept
      : from_(from) {}

    lanes& pipeline() const noexcept { return from_.pipeline; }
    step begin() { return from_.inner.go_in(&from_.numbers); }
    time_point due() const noexcept { return from_.inner.due(); }
    step waited() { return from_.inner.waited(); }
    context tell() noexcept { return from_.inner.tell(); }
    step returned(const context& told, result&& r) { return from_.inner.returned(told, std::move(r)); }
    step threw(const context& told, std::exception_ptr thrown, bool cancelled) {
        return from_.inner.threw(told, std::move(thrown), cancelled);
    }
    step timed_out(const context& told) { return from_.inner.timed_out(told); }
    void take() noexcept { from_.has_finished = true; }
    static void cancelled(const std::exception_ptr&, std::optional<result>&&) noexcept {}

  private:
    start from_;
};

/// For the slot of the caller, whose signal may outlive the context of what it cancels.
template <class Race>
auto decision_of(const std::shared_ptr<Race>& of) {
    return [weak = std::weak_ptr(of)](boost::asio::cancellation_type_t) {
        if (const auto kept = weak.lock()) kept->decide();
    };
}

/// Makes attempt `n` of the race. Gives what it ended with, unless it has won or was cancelled.
template <class Course, class Race, class F>
boost::asio::awaitable<std::optional<outcome_of<typename Course::result>>> run_branch(std::shared_ptr<Race> of,
                                                                                      unsigned n, F fn) {
    using lanes = typename Course::lanes;
    using result = typename Course::result;
    const auto& clock = of->pipeline().clock();
    const bool is_timed = of->policy().config.percentile > 0;
    const time_point begun = is_timed ? clock.now() : time_point();

    std::optional<outcome_of<result>> ended;
    bool has_finished = false;
    {
        cancellable whole;
        bool was_switched = co_await is_switched();
        co_await [&](auto* frame) {
            return whole.begin(frame, was_switched, [&of](const gate::ref&) { return decision_of(of); });
        };
        of->joins(n, whole.through());
        steps<lanes, result> inner(of->pipeline(), call(clock_ref(clock), of->told), lanes::parts::outermost_fork + 1);
        try {
            co_await drive<branch<Course>, F>({of->pipeline(), inner, of->numbers, has_finished}, fn);
            if (has_finished) ended.emplace(std::move(inner.outcome()));
        } catch (...) {
            ended.emplace().threw(std::current_exception());
        }
        if (whole.is_to_leave()) {
            was_switched = co_await is_switched();
            co_await [&](auto* frame) { return cancellable::leave(frame, was_switched); };
        }
        whole.end();
    }
    const bool has_succeeded = ended && ended->succeeded();
    if (is_timed && (has_succeeded || of->is_decided())) of->policy().took(of->state(), nanos(clock.now() - begun));
    if (has_succeeded) {
        of->succeeded(n, *std::move(ended));
        ended.reset();
    }
    co_return ended;
}

template <class Course, class Race, class F>
void start_extra(const std::shared_ptr<Race>& of, const F& fn) {
    if (!of->begin_extra()) return;
    const unsigned n = of->take_extra();
    if (n == 0) return of->end_extra();
    const auto run = [](std::shared_ptr<Race> in, unsigned number, F f) -> boost::asio::awaitable<void> {
        co_await run_branch<Course>(in, number, f);
        in->end_extra();
    };
    boost::asio::co_spawn(of->executor, run(of, n, fn), boost::asio::detached);
}

/// Waits until no extra attempt runs, and ends the call.
template <class Race>
boost::asio::awaitable<void> await_extras(std::shared_ptr<Race> of) {
    while (!of->end_call()) {
        cancellable sleep;
        bool was_switched = co_await is_switched();
        co_await [&](auto* frame) {
            return sleep.begin(frame, was_switched, [&of](const gate::ref&) { return decision_of(of); });
        };
        if (of->begin_wait(sleep.through())) {
            boost::asio::steady_timer never(of->executor, std::chrono::steady_clock::time_point::max());
            co_await never.async_wait(boost::asio::as_tuple(boost::asio::deferred));
            of->end_wait();
        }
        if (sleep.is_to_leave()) {
            was_switched = co_await is_switched();
            co_await [&](auto* frame) { return cancellable::leave(frame, was_switched); };
        }
        sleep.end();
    }
}

template <class Course, class F, class... Args>
boost::asio::awaitable<step> run_fork(Course& call, const F& fn, const Args&... args) {
    static_assert(attempt_coroutine<const F, const Args...>,
                  "keel: hedge calls the function several times at once, so it must be callable as const: a closure "
                  "without `mutable`, whose arguments are not changed");
    using lanes = typename Course::lanes;
    using result = typename Course::result;
    using this_race = race<lanes, result>;
    const auto attempt = [&fn, &args...](const context& told) { return begin_attempt(fn, told, args...); };

    const auto of = std::allocate_shared<this_race>(boost::asio::recycling_allocator<this_race>(), call.pipeline(),
                                                    call.nested().of(), co_await boost::asio::this_coro::executor);
    const auto& clock = of->pipeline().clock();
    const hedge_policy& policy = of->policy();
    const nanos delay = policy.delay(of->state());
    for (int i = 0; i < policy.config.extra; ++i) {
        const nanos until = times(delay, static_cast<std::uint64_t>(i) + 1);
        if (until > longest || clock.now() + until >= of->told.deadline()) break;
        alarm& a = of->alarms[i];
        a.set(of->executor, clock, clock.now() + until);
        a.async_wait([of, attempt, &a](boost::system::error_code ended) {
            if (a.has_rung(ended)) start_extra<Course>(of, attempt);
        });
    }

    std::optional<outcome_of<result>> failure;
    for (unsigned n = 0;;) {
        failure = co_await run_branch<Course>(of, n, attempt);
        if (!failure || !is_worth_another(*failure, handle<>{}(*failure), false)) break;
        n = of->take_extra();
        if (n == 0) break;
    }
    for (alarm& each : of->alarms)
        each.stop();
    const boost::asio::cancellation_state before = co_await boost::asio::this_coro::cancellation_state;
    if (before.cancelled() != boost::asio::cancellation_type::none) of->decide();
    co_await await_extras(of);

    if (of->winner()) {
        call.nested().outcome() = *std::move(of->winner());
    } else {
        const boost::asio::cancellation_state caller = co_await boost::asio::this_coro::cancellation_state;
        if (!failure || caller.cancelled() != boost::asio::cancellation_type::none) co_return step::fork;
        call.nested().outcome() = *std::move(failure);
    }
    co_return call.nested().forked(of->told);
}

} // namespace keel::detail
