#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../../call.hpp"
#include "../../clock/clock.hpp"
#include "../../context.hpp"
#include "../../duration.hpp"
#include "../../hedge.hpp"
#include "../../outcome.hpp"
#include "alarm.hpp"
#include "gate.hpp"
#include "virtual_time.hpp"

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

namespace keel::detail {

/// The attempts of one call that run at the same time, in lanes: the first success wins, and all others are cancelled.
/// The call's own coroutine is one of them, and the last to end. `F` makes an attempt.
template <class Lanes, class R, class F>
class race {
    static constexpr std::size_t at = Lanes::parts::outermost_fork;

  public:
    race(Lanes& pipeline, const call& forked, boost::asio::any_io_executor on, bool throws, const F& fn)
      : executor(std::move(on))
      , throws_if_cancelled(throws)
      , told(forked.as_context(clock_ref(pipeline.clock())))
      , numbers(forked.attempt)
      , pipeline_(pipeline)
      , fn_(fn)
      , delay_(policy().delay(state()))
      , due_(pipeline.clock().now() + delay_) {}

    const boost::asio::any_io_executor executor;
    const bool throws_if_cancelled; ///< as `this_coro::throw_if_cancelled`
    context told;                   ///< attempts are calls inside it
    std::atomic<std::uint32_t> numbers;

    Lanes& pipeline() const noexcept { return pipeline_; }
    const hedge_policy& policy() const noexcept { return pipeline_.template get<at>(); }
    auto& state() const noexcept { return pipeline_.template state<at>(); }
    /// As long as the call lasts.
    const F& function() const noexcept { return *fn_; }

    /// The number of an extra attempt that begins now, from 1; 0 if there is to be none.
    unsigned take_extra() {
        if (is_over()) return 0;
        unsigned so_far = extras_.load(std::memory_order_relaxed);
        do {
            if (so_far == most()) return 0;
        } while (!extras_.compare_exchange_weak(so_far, so_far + 1, std::memory_order_relaxed));
        due_.store(pipeline_.clock().now() + delay_, std::memory_order_relaxed);
        // A refused one keeps its number: numbers are places of lanes.
        return policy().may_start(state()) ? so_far + 1 : 0;
    }

    /// Lets `ring(error_code)` be called when the next extra attempt is due, if there is to be one. To be followed by
    /// `end_ring`. The first alarm is set without a ring before it.
    template <class Ring>
    void set_alarm(const Ring& ring) {
        if (is_over() || extras_.load(std::memory_order_relaxed) == most()) return;
        const time_point due = due_.load(std::memory_order_relaxed);
        if (due >= told.deadline()) return;
        // Last: what ends at that time has not taken longer.
        alarm_.set(executor, pipeline_.clock(), due, alarm_order::last);
        alarm_.async_wait(ring);
    }
    /// Whether nobody has stopped the alarm that has ended, which does not happen from now on.
    bool begin_ring() {
        // It may ring again before the thread that has set it ends what it does then.
        unsigned now = 0;
        while (!ringing_.compare_exchange_weak(now, rings, std::memory_order_acquire)) {
            if (now == stopped) return false;
            std::this_thread::yield();
            now = 0;
        }
        return true;
    }
    /// An attempt may have begun since the alarm was set.
    bool is_due() const noexcept { return pipeline_.clock().now() >= due_.load(std::memory_order_relaxed); }
    void end_ring() {
        unsigned now = rings;
        if (!ringing_.compare_exchange_strong(now, 0, std::memory_order_acq_rel)) alarm_.stop();
    }
    void stop_alarm() {
        if (ringing_.exchange(stopped, std::memory_order_acq_rel) == 0) alarm_.stop();
    }

    /// From now on lane `n` can be cancelled through the gate.
    void joins(unsigned n, const gate::ref& through) {
        lanes_[n].through = through;
        // Sequentially consistent, with `fate_`: one of the two sees what the other has stored.
        lanes_[n].is_set.store(true, std::memory_order_seq_cst);
        if (fate_.load(std::memory_order_seq_cst) != fate::open) cancel(through);
    }
    /// The caller wants the call to end.
    void cancel() noexcept {
        fate open = fate::open;
        if (fate_.compare_exchange_strong(open, fate::cancelled, std::memory_order_seq_cst)) cancel_all();
    }
    /// Attempt `n` has succeeded, and its lane has ended.
    void succeeded(unsigned n, outcome_of<R>&& o) {
        if (fate_.exchange(fate::won, std::memory_order_seq_cst) == fate::won) return;
        winner_.emplace(std::move(o));
        if (n != 0) policy().won(state());
        cancel_all();
    }
    bool is_decided() const noexcept { return fate_.load(std::memory_order_acquire) != fate::open; }
    bool is_won() const noexcept { return fate_.load(std::memory_order_acquire) == fate::won; }
    /// Once no other lane runs.
    std::optional<outcome_of<R>>& winner() noexcept { return winner_; }

    /// Whether another lane may run: the call has not ended.
    bool begin_extra() noexcept {
        unsigned now = running_.load(std::memory_order_relaxed);
        do {
            if ((now & ended) != 0) return false;
        } while (!running_.compare_exchange_weak(now, now + one, std::memory_order_acq_rel));
        return true;
    }
    void end_extra() noexcept {
        if (running_.fetch_sub(one, std::memory_order_acq_rel) == one + waits) cancel(sleeper_);
    }
    /// Ends the call if no other lane runs.
    bool end_call() noexcept {
        unsigned none = 0;
        if (!running_.compare_exchange_strong(none, ended, std::memory_order_acq_rel)) return false;
        fn_.reset();
        return true;
    }
    /// The call's coroutine is about to be suspended until the last other lane cancels it. False if none runs.
    bool begin_wait(const gate::ref& through) {
        sleeper_ = through;
        unsigned now = running_.load(std::memory_order_relaxed);
        do {
            if (now == 0) return false;
        } while (!running_.compare_exchange_weak(now, now + waits, std::memory_order_acq_rel));
        return true;
    }
    void end_wait() noexcept { running_.fetch_sub(waits, std::memory_order_acq_rel); }
    /// The call's coroutine is destroyed. In the midst of it nothing begins any more, and lanes that are destroyed with
    /// their context after it give nothing back to the calls around it, which have gone.
    void leave() {
        if (running_.fetch_or(ended, std::memory_order_acq_rel) >= one) told = context(told.deadline());
        stop_alarm();
    }

  private:
    enum class fate : std::uint8_t { open, cancelled, won };

    // In `running_`.
    static constexpr unsigned ended = 1;
    static constexpr unsigned waits = 2;
    static constexpr unsigned one = 4;
    // In `ringing_`.
    static constexpr unsigned rings = 1;
    static constexpr unsigned stopped = 2;

    struct lane {
        gate::ref through;
        std::atomic<bool> is_set{false};
    };
    /// No other attempt begins from now on.
    bool is_over() const {
        return is_decided() || told.stop_requested() || told.remaining() == std::chrono::nanoseconds(0);
    }
    unsigned most() const noexcept { return static_cast<unsigned>(policy().config.extra); }
    static void cancel(const gate::ref& through) noexcept { through->cancel(boost::asio::cancellation_type::all); }
    void cancel_all() noexcept {
        for (const auto& each : lanes_) {
            if (each.is_set.load(std::memory_order_seq_cst)) cancel(each.through);
        }
    }

    Lanes& pipeline_;
    std::optional<F> fn_;
    nanos delay_;
    std::atomic<time_point> due_; ///< when the next extra attempt is
    alarm alarm_;
    std::atomic<unsigned> ringing_{rings}; ///< who may change `alarm_`
    lane lanes_[hedge_config::most + 1];
    gate::ref sleeper_;
    std::atomic<unsigned> extras_{0};  ///< that have been taken
    std::atomic<unsigned> running_{0}; ///< other lanes, and the bits above
    std::atomic<fate> fate_{fate::open};
    std::optional<outcome_of<R>> winner_;
};

} // namespace keel::detail
