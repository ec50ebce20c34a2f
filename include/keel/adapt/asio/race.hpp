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

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace keel::detail {

/// The attempts of one call that run at the same time: the first success wins, and all others are cancelled. The call's
/// own coroutine makes attempts too, and ends when no extra one runs any more.
template <class Lanes, class R>
class race {
    static constexpr std::size_t at = Lanes::parts::outermost_fork;

  public:
    race(Lanes& pipeline, const call& forked, boost::asio::any_io_executor on)
      : executor(std::move(on))
      , told(forked.as_context(clock_ref(pipeline.clock())))
      , numbers(forked.attempt)
      , pipeline_(pipeline) {}

    const boost::asio::any_io_executor executor;
    const context told; ///< attempts are calls inside it
    std::atomic<std::uint32_t> numbers;
    alarm alarms[hedge_config::most];

    Lanes& pipeline() const noexcept { return pipeline_; }
    const hedge_policy& policy() const noexcept { return pipeline_.template get<at>(); }
    auto& state() const noexcept { return pipeline_.template state<at>(); }

    /// The number of an extra attempt that is to be started now, from 1; 0 if there is to be none.
    unsigned take_extra() {
        if (is_decided() || told.stop_requested() || told.remaining() == std::chrono::nanoseconds(0)) return 0;
        unsigned so_far = extras_.load(std::memory_order_relaxed);
        do {
            if (so_far == static_cast<unsigned>(policy().config.extra)) return 0;
        } while (!extras_.compare_exchange_weak(so_far, so_far + 1, std::memory_order_relaxed));
        if (policy().may_start(state())) return so_far + 1;
        extras_.fetch_sub(1, std::memory_order_relaxed);
        return 0;
    }

    /// From now on attempt `n` can be cancelled through the gate.
    void joins(unsigned n, const gate::ref& through) {
        lanes_[n].through = through;
        // Sequentially consistent, with `decide`: one of the two sees what the other has stored.
        lanes_[n].is_set.store(true, std::memory_order_seq_cst);
        if (decided_.load(std::memory_order_seq_cst)) cancel(through);
    }
    /// All attempts are cancelled, if they have not been before.
    bool decide() noexcept {
        if (decided_.exchange(true, std::memory_order_seq_cst)) return false;
        for (const auto& each : lanes_) {
            if (each.is_set.load(std::memory_order_seq_cst)) cancel(each.through);
        }
        return true;
    }
    bool is_decided() const noexcept { return decided_.load(std::memory_order_acquire); }
    /// Attempt `n` has succeeded.
    void succeeded(unsigned n, outcome_of<R>&& o) {
        if (!decide()) return;
        winner_.emplace(std::move(o));
        if (n != 0) policy().won(state());
    }
    /// Once no other attempt runs.
    std::optional<outcome_of<R>>& winner() noexcept { return winner_; }

    /// Whether an extra attempt may run: the call has not ended.
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
    /// Ends the call if no extra attempt runs.
    bool end_call() noexcept {
        unsigned none = 0;
        return running_.compare_exchange_strong(none, ended, std::memory_order_acq_rel);
    }
    /// The call's coroutine is about to be suspended until the last extra attempt cancels it. False if none runs.
    bool begin_wait(const gate::ref& through) {
        sleeper_ = through;
        unsigned now = running_.load(std::memory_order_relaxed);
        do {
            if (now == 0) return false;
        } while (!running_.compare_exchange_weak(now, now + waits, std::memory_order_acq_rel));
        return true;
    }
    void end_wait() noexcept { running_.fetch_sub(waits, std::memory_order_acq_rel); }

  private:
    static constexpr unsigned ended = 1;
    static constexpr unsigned waits = 2;
    static constexpr unsigned one = 4;

    struct lane {
        gate::ref through;
        std::atomic<bool> is_set{false};
    };
    static void cancel(const gate::ref& through) noexcept {
        through->cancel(canceller::winner, boost::asio::cancellation_type::all);
    }

    Lanes& pipeline_;
    lane lanes_[hedge_config::most + 1];
    gate::ref sleeper_;
    std::atomic<unsigned> extras_{0};  ///< that have been started
    std::atomic<unsigned> running_{0}; ///< extra attempts, and the bits above
    std::atomic<bool> decided_{false};
    std::optional<outcome_of<R>> winner_;
};

} // namespace keel::detail
