#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../call.hpp"
#include "../../clock/clock.hpp"
#include "../../context.hpp"
#include "../../detail/retrying.hpp"
#include "../../drive/walk.hpp"
#include "../../duration.hpp"
#include "../../error.hpp"
#include "../../handle.hpp"
#include "../../hedge.hpp"
#include "../../outcome.hpp"
#include "cancellable.hpp"
#include "coroutine_thread.hpp"
#include "drive.hpp"
#include "gate.hpp"
#include "race.hpp"
#include "steps.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// One of several attempts of a call: through what is inside the policy that forks.
template <class Race, class Course>
class branch {
  public:
    using lanes = typename Course::lanes;
    using raw = typename Course::raw;
    using channel = typename Course::channel;
    using result = typename Course::result;
    using answer = void;
    static constexpr bool forks = false;

    struct start {
        Race& of;
        steps<lanes, result>& inner;
        std::optional<outcome_of<result>>& ended;
    };
    explicit branch(const start& from) noexcept
      : from_(from) {}

    lanes& pipeline() const noexcept { return from_.of.pipeline(); }
    step begin() { return from_.inner.go_in(&from_.of.numbers); }
    time_point due() const noexcept { return from_.inner.due(); }
    step waited() { return from_.inner.waited(); }
    context tell() noexcept { return from_.inner.tell(); }
    step returned(const context& told, result&& r) { return from_.inner.returned(told, std::move(r)); }
    step threw(const context& told, std::exception_ptr thrown, bool cancelled) {
        return from_.inner.threw(told, std::move(thrown), cancelled);
    }
    step timed_out(const context& told) { return from_.inner.timed_out(told); }
    bool is_cancelled() const noexcept { return from_.of.is_decided(); }
    bool is_lost() const noexcept { return from_.of.is_won(); }
    void take() { from_.ended.emplace(std::move(from_.inner.outcome())); }
    void cancelled(const std::exception_ptr& thrown, std::optional<result>&& returned) {
        from_.ended.emplace();
        if (returned)
            from_.ended->emplace([&]() -> result { return *std::move(returned); });
        else if (thrown)
            from_.ended->threw(thrown, true);
    }

  private:
    start from_;
};

/// For the slot of the caller, whose signal may outlive the context of what it cancels.
template <class Race>
auto cancel_of(const std::shared_ptr<Race>& of) {
    return [weak = std::weak_ptr(of)](boost::asio::cancellation_type_t) {
        if (const auto kept = weak.lock()) kept->cancel();
    };
}

/// Whether the time that a first attempt has taken says how long others take, or at least how long this one takes.
template <class Race>
bool tells_latency(const Race& of, const outcome& o) noexcept {
    return o.succeeded() || of.is_won() || (o.rejection() == errc::timed_out && o.default_ending() == ending::failed);
}

/// Keeps the call from ending, whichever way what holds it ends.
template <class Race>
class extra {
  public:
    explicit extra(const std::shared_ptr<Race>& of) noexcept
      : of_(of->begin_extra() ? of : nullptr) {}
    extra(extra&&) noexcept = default;
    extra& operator=(extra&&) = delete;
    ~extra() {
        if (of_) of_->end_extra();
    }
    /// False if the call has ended.
    explicit operator bool() const noexcept { return of_ != nullptr; }
    const std::shared_ptr<Race>& of() const noexcept { return of_; }

  private:
    std::shared_ptr<Race> of_;
};

template <class Course, class Race, class F>
boost::asio::awaitable<std::optional<outcome_of<typename Course::result>>> run_lane(std::shared_ptr<Race> of,
                                                                                    unsigned first, F fn);

template <class Course, class F, class Race>
boost::asio::awaitable<void> run_extra(extra<Race> lane, unsigned n, F fn) {
    co_await boost::asio::this_coro::throw_if_cancelled(lane.of()->throws_if_cancelled);
    co_await run_lane<Course>(lane.of(), n, std::move(fn));
}

/// What the alarm of a race calls.
template <class Course, class F, class Race>
struct ring {
    std::shared_ptr<Race> of;

    void operator()(boost::system::error_code) const {
        if (!of->begin_ring()) return;
        const extra<Race> here(of);
        const struct ringing {
            Race& it;
            ~ringing() { it.end_ring(); }
        } at_end{*of};
        if (!here) return;
        if (of->is_due()) start();
        of->set_alarm(*this);
    }

  private:
    void start() const {
        const unsigned n = of->take_extra();
        if (n == 0) return;
        auto lane = run_extra<Course, F>(extra<Race>(of), n, of->function());
        boost::asio::co_spawn(of->executor, std::move(lane), boost::asio::detached);
    }
};

/// Makes attempt `first` of the race, and another one at once when that has failed. Gives what the last one has ended
/// with, unless it was the first to succeed.
template <class Course, class Race, class F>
boost::asio::awaitable<std::optional<outcome_of<typename Course::result>>> run_lane(std::shared_ptr<Race> of,
                                                                                    unsigned first, F fn) {
    using lanes = typename Course::lanes;
    using result = typename Course::result;
    const auto& clock = of->pipeline().clock();
    const hedge_policy& policy = of->policy();
    const bool is_timed = first == 0 && policy.config.percentile > 0;
    const time_point begun = is_timed ? clock.now() : time_point();

    std::optional<outcome_of<result>> ended;
    unsigned n = first;
    {
        cancellable whole;
        bool was_switched = co_await is_switched();
        co_await [&](auto* frame) {
            const auto wait_for_next = [of, first](const gate::ref&) {
                if (first != 0) return;
                of->set_alarm(ring<Course, F, Race>{of});
                of->end_ring();
            };
            return whole.begin(frame, was_switched, [&of](const gate::ref&) { return cancel_of(of); }, wait_for_next);
        };
        of->joins(first, whole.through());
        while (!of->is_decided()) {
            steps<lanes, result> inner(of->pipeline(), call(clock_ref(clock), of->told),
                                       lanes::parts::outermost_fork + 1);
            try {
                co_await drive<branch<Race, Course>, F>({*of, inner, ended}, fn);
            } catch (...) {
                ended.emplace().threw(std::current_exception());
            }
            if (is_timed && n == 0 && tells_latency(*of, *ended)) policy.took(of->state(), nanos(clock.now() - begun));
            if (ended->succeeded() || !is_worth_another(*ended, handle<>{}(*ended), false)) break;
            const unsigned next = of->take_extra();
            if (next == 0) break;
            n = next;
        }
        if (whole.is_to_leave()) {
            was_switched = co_await is_switched();
            co_await [&](auto* frame) { return cancellable::leave(frame, was_switched); };
        }
        whole.end();
    }
    if (ended && ended->succeeded()) of->succeeded(n, *std::exchange(ended, std::nullopt));
    co_return ended;
}

/// Waits until no other lane runs, and ends the call.
template <class Race>
boost::asio::awaitable<void> await_extras(std::shared_ptr<Race> of) {
    while (!of->end_call()) {
        cancellable sleep;
        bool was_switched = co_await is_switched();
        co_await [&](auto* frame) {
            const auto cancel = [&of](const gate::ref&) { return cancel_of(of); };
            return sleep.begin(frame, was_switched, cancel, [](const gate::ref&) {});
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

template <class Course, class F>
boost::asio::awaitable<step> run_fork(Course& call, const F& fn) {
    using lanes = typename Course::lanes;
    using result = typename Course::result;
    using this_race = race<lanes, result, F>;
    static_assert(std::is_nothrow_move_constructible_v<result>,
                  "keel: hedge hands the result from attempt to attempt, so moving it must not throw");
    constexpr auto none = boost::asio::cancellation_type::none;

    const bool throws = co_await boost::asio::this_coro::throw_if_cancelled();
    const auto of =
        std::allocate_shared<this_race>(boost::asio::recycling_allocator<this_race>(), call.pipeline(),
                                        call.nested().of(), co_await boost::asio::this_coro::executor, throws, fn);
    const struct leaving {
        this_race& it;
        ~leaving() { it.leave(); }
    } at_end{*of};
    std::optional<outcome_of<result>> last = co_await run_lane<Course>(of, 0, fn);
    of->stop_alarm();

    boost::asio::cancellation_state caller = co_await boost::asio::this_coro::cancellation_state;
    if (caller.cancelled() != none) of->cancel();
    if (!of->end_call()) {
        // Awaiting a coroutine throws where the caller has cancelled already.
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        co_await await_extras(of);
        co_await boost::asio::this_coro::throw_if_cancelled(throws);
        caller = co_await boost::asio::this_coro::cancellation_state;
    }

    if (of->winner())
        call.nested().outcome() = *std::move(of->winner());
    else if (last)
        call.nested().outcome() = *std::move(last);
    if (!of->winner() && caller.cancelled() != none) co_return step::fork;
    co_return call.nested().forked(of->told, of->numbers.load());
}

} // namespace keel::detail
