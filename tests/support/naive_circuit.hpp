#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "naive_config.hpp"
#include "naive_in_flight.hpp"

#include <keel/circuit_stats.hpp>
#include <keel/detail/circuit_word.hpp>
#include <keel/duration.hpp>
#include <keel/window/judgement.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace support {

/// One circuit as one would explain it, for one thread: results are written down and counted anew whenever somebody
/// asks. Written from the documents and not from the code that it is compared with.
class naive_circuit {
  public:
    using time = keel::time_point;
    using duration = std::chrono::nanoseconds;
    using state_of = keel::circuit_state;

    struct call {
        std::uint64_t generation;
        int lease; // the number of takeovers before it, in its generation
        time began;
    };
    enum class ending { success, failure, ignored };

    /// The time goes on by being set.
    time now;

    naive_circuit(const naive_config& config, time start)
      : now(start)
      , config_(config)
      , in_flight_(config.slow_after.value_or(duration(1)), config.eighths)
      , since_(start) {}

    state_of state() const { return state_; }
    time open_until() const { return open_until_; } // at the earliest
    time lease_until() const { return lease_began_ + config_.probe_wait; }
    time overdue_from(const call& c) const { return in_flight_.overdue_from(c.began); }

    /// Not where keel's own count of overdue calls is known to be wrong.
    bool can_tell(time at) const { return !in_flight_.is_mistaken_at(at); }

    /// A call comes: before it is granted or refused, what is overdue is judged.
    void ask() {
        if (!config_.counts_overdue || state_ != state_of::closed || !in_flight_.is_to_be_judged(now)) return;
        const std::size_t overdue = in_flight_.overdue(now);
        if (overdue == 0) return;
        // As if they had just come back.
        const results held = window_;
        for (std::size_t i = 0; i < overdue; ++i)
            record({now, false, true});
        std::optional<keel::transition_cause> cause = reached_by_window();
        window_ = held;
        if (!cause) return;
        if (!by_rate()) cause = keel::transition_cause::slow_calls;
        trip(*cause, 0);
    }

    /// Whether a call is granted is for the circuit under test to say where its open period has been lengthened at
    /// random; this says whether both are right.
    bool may_be_granted() const { return !refused_for_certain(open_until_); }
    bool may_be_refused() const { return refused_for_certain(open_until_latest_); }

    /// A granted call.
    call grant() {
        if (state_ == state_of::open) {
            const int retrips = retrips_;
            move_to(state_of::half_open, keel::transition_cause::open_period_over);
            retrips_ = retrips;
        }
        if (state_ == state_of::half_open) {
            if (taken_ == config_.probes) {
                // All probes that are out are given up, and this one is granted.
                taken_ = probes_.size() + 1;
                ++lease_;
                lease_began_ = now;
            } else {
                // The lease runs from the first probe that is out.
                if (taken_ <= probes_.size()) lease_began_ = now;
                ++taken_;
            }
        }
        if (counts_in_flight()) in_flight_.begin(now);
        return {generation_, lease_, now};
    }

    /// A refused one, and how long it was told to wait. Whether that is right.
    bool refuse(duration retry_after) {
        ++rejected_;
        ++totals_.rejected;
        if (state_ == state_of::half_open || state_ == state_of::forced_open) return retry_after == duration(0);
        const time until = now + retry_after;
        if (until < open_until_ || until > open_until_latest_) return false;
        open_until_ = open_until_latest_ = until;
        return true;
    }

    void end(const call& c, ending e) {
        if (state_ == state_of::disabled && c.generation == generation_) return; // nothing is counted
        ++totals_.calls;
        if (c.generation != generation_ || state_ == state_of::open) {
            ++totals_.late;
            return;
        }
        if (counts_in_flight()) in_flight_.end(c.began);
        if (e == ending::ignored) {
            ++totals_.ignored;
            // The permit goes back, if it is still this call's. One that was given up and came back after all has
            // taken a place, so that one fewer is thought to be out.
            if (state_ == state_of::half_open && c.lease == lease_ && taken_ > probes_.size()) --taken_;
            return;
        }
        const result r{now, e == ending::failure, config_.slow_after && now - c.began > *config_.slow_after};
        ++(r.failed ? totals_.failures : totals_.successes);
        totals_.slow += r.slow;
        if (state_ == state_of::half_open) {
            probes_.push_back(r);
            decide_by_probes();
        } else {
            record(r);
            if (state_ != state_of::closed) return;
            if (const auto cause = reached_by_window()) trip(*cause, 0);
        }
    }

    void close() { by_hand(state_of::closed); }
    void half_open() { by_hand(state_of::half_open); }
    void force_open() { by_hand(state_of::forced_open); }
    void disable() { by_hand(state_of::disabled); }
    void metrics_only() { by_hand(state_of::metrics_only); }
    void open() {
        by_hand(state_of::open);
        begin_open_period();
    }
    void reset() {
        close();
        totals_ = {};
    }

    keel::circuit_stats stats() const {
        keel::circuit_stats s{.state = state_, .since = since_};
        s.window = state_ == state_of::half_open ? counted(probes_) : counted(window_);
        if (s.window.calls > 0) {
            s.failure_rate = static_cast<double>(s.window.failed) / static_cast<double>(s.window.calls);
            s.slow_rate = static_cast<double>(s.window.slow) / static_cast<double>(s.window.calls);
        }
        s.rejected = rejected_;
        s.overdue = in_flight_.overdue(now);
        s.totals = totals_;
        return s;
    }
    const std::vector<keel::circuit_transition>& log() const { return log_; }

  private:
    struct result {
        time at;
        bool failed;
        bool slow;
    };
    using results = std::deque<result>;

    bool refused_for_certain(time open_until) const {
        switch (state_) {
        case state_of::open:
            return now < open_until;
        case state_of::half_open:
            return taken_ == config_.probes && now < lease_until();
        case state_of::forced_open:
            return true;
        default:
            return false;
        }
    }

    // Probes are not: a half-open circuit gives them up by their lease.
    bool counts_in_flight() const {
        return config_.counts_overdue && (state_ == state_of::closed || state_ == state_of::metrics_only);
    }

    bool by_rate() const { return config_.counts != naive_config::window::in_a_row; }

    std::int64_t bucket_of(time t) const {
        const std::int64_t length = config_.bucket.count(), ticks = t.time_since_epoch().count();
        return ticks / length - (ticks % length < 0 ? 1 : 0);
    }

    void record(const result& r) {
        if (!by_rate() && !r.failed && !r.slow)
            window_.clear();
        else
            window_.push_back(r);
        if (config_.counts == naive_config::window::last_calls && window_.size() > config_.calls) window_.pop_front();
        if (config_.counts == naive_config::window::last_time) {
            while (bucket_of(window_.front().at) <= bucket_of(now) - config_.buckets)
                window_.pop_front();
        }
    }

    keel::window_counts counted(const results& of) const {
        keel::window_counts c{};
        const bool in_window = &of == &window_;
        const std::size_t most =
            in_window && config_.counts == naive_config::window::last_calls ? config_.remembered : of.size();
        for (auto r = of.rbegin(); r != of.rend(); ++r) {
            if (in_window && config_.counts == naive_config::window::last_time &&
                bucket_of(r->at) <= bucket_of(now) - config_.buckets)
                break;
            ++c.calls;
            if (in_window && !by_rate()) {
                ++c.failed; // a slow call counts as a failure
                continue;
            }
            if (r->slow && c.slow < most) ++c.slow;
            if (r->failed && c.failed < most) {
                ++c.failed;
                if (r->slow) ++c.slow_failed;
            }
        }
        return c;
    }

    /// Which threshold these results have reached.
    std::optional<keel::transition_cause> reached_by(const results& of) const {
        keel::window_counts c = counted(of);
        const auto reaches = [&](std::uint64_t some, double rate) {
            return static_cast<double>(some) / static_cast<double>(c.calls) >= rate;
        };
        if (reaches(c.failed, config_.failure_rate)) return keel::transition_cause::failures;
        if (config_.slow_after && reaches(c.slow, config_.slow_rate)) return keel::transition_cause::slow_calls;
        return std::nullopt;
    }

    std::optional<keel::transition_cause> reached_by_window() const {
        if (!by_rate()) {
            if (window_.size() < config_.calls) return std::nullopt;
            return keel::transition_cause::failures;
        }
        std::size_t minimum = config_.minimum;
        if (config_.counts == naive_config::window::last_calls) minimum = std::min(minimum, config_.calls);
        return counted(window_).calls < minimum ? std::nullopt : reached_by(window_);
    }

    void decide_by_probes() {
        std::optional<keel::transition_cause> cause;
        if (by_rate()) {
            if (probes_.size() < std::min(config_.minimum, config_.probes)) return;
            cause = reached_by(probes_);
        } else {
            if (probes_.back().failed) cause = keel::transition_cause::failures;
            if (!cause && probes_.back().slow) cause = keel::transition_cause::slow_calls;
            if (!cause && probes_.size() < config_.probes) return;
        }
        if (cause) {
            trip(*cause, retrips_ + 1);
        } else {
            window_.clear();
            move_to(state_of::closed, keel::transition_cause::probes_succeeded);
        }
    }

    void trip(keel::transition_cause cause, int retrips) {
        move_to(state_of::open, cause);
        retrips_ = retrips;
        begin_open_period();
    }

    void begin_open_period() {
        double period = static_cast<double>(config_.open_for.count());
        if (config_.growth > 1 && retrips_ > 0) {
            // It grows 31 times at most.
            for (int i = 0; i < std::min(retrips_, 31); ++i)
                period *= config_.growth;
            period = std::min(period, static_cast<double>(config_.longest_grown.count()));
        }
        open_until_ = now + duration(static_cast<std::int64_t>(period));
        open_until_latest_ = open_until_;
        if (retrips_ > 0) open_until_latest_ = now + duration(static_cast<std::int64_t>(period * (1 + config_.jitter)));
    }

    void by_hand(state_of to) {
        window_.clear();
        move_to(to, keel::transition_cause::by_hand);
    }

    void move_to(state_of to, keel::transition_cause cause) {
        log_.push_back({now, state_, to, cause});
        state_ = to;
        since_ = now;
        rejected_ = 0;
        // An open circuit grants nothing, so it needs none of its own. What was granted before it is late there too.
        ++generation_;
        in_flight_.forget();
        if (to == state_of::open || to == state_of::forced_open) ++totals_.opens;
        retrips_ = 0;
        probes_.clear();
        taken_ = 0;
        lease_ = 0;
    }

    naive_config config_;
    state_of state_ = state_of::closed;
    std::uint64_t generation_ = 0;
    results window_;
    naive_in_flight in_flight_;

    time open_until_{}, open_until_latest_{};
    int retrips_ = 0; // how many times in a row probes have failed

    results probes_;
    std::size_t taken_ = 0; // permits that are out or have brought a result
    int lease_ = 0;
    time lease_began_{};

    time since_;
    std::uint64_t rejected_ = 0;
    keel::circuit_totals totals_{};
    std::vector<keel::circuit_transition> log_;
};

} // namespace support
