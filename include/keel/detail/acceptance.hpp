#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../duration.hpp"
#include "../random.hpp"
#include "../sync/atomics.hpp"
#include "../sync/cache_line.hpp"
#include "../window/epoch.hpp"
#include "../window/judgement.hpp"
#include "../window/sliding_time_window.hpp"
#include "lesser.hpp"
#include "macros.hpp"

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace keel::detail {

/// How many requests of the last `span` were accepted, and what share of the next ones to leave out. `Config` has `k`,
/// `span` and `max_probability`.
///
/// Counting is a plain store in this thread's shard, for a request and for an acceptance. The probability is evaluated
/// anew where it can have risen, at a failure and at the first request of a bucket, and at every request while it is
/// above 0. So a probability of 0 is out of date by one bucket at most, and never by a failure: only by requests that
/// are in flight, and by acceptances that have left the window.
template <class Config, std::size_t Shards, std::size_t Buckets, class Atomics = std_atomics>
class acceptance {
  public:
    using window = basic_sliding_time_window<{.shards = Shards, .buckets = Buckets}>;

    static constexpr window window_of(const Config& k) noexcept {
        return {.span = k.span, .buckets = static_cast<int>(Buckets)};
    }

    /// Counts a request, and returns true, where none are left out and a plain store will do. Otherwise does nothing.
    KEEL_ALWAYS_INLINE bool try_request(const Config& k, call& c) noexcept {
        return probability_.load(std::memory_order_relaxed) == 0 && requests_.try_success(window_of(k), c);
    }
    /// Counts a request. Returns false if it is to be left out.
    KEEL_COLD bool request(const Config& k, call& c) noexcept {
        double p = probability();
        if (p > 0 || evaluated_in_.load(std::memory_order_relaxed) != bucket_of(k, c.now())) p = evaluate(k, c.now());
        count(requests_, k, c);
        return !(p > 0 && thread_random().unit() < p);
    }

    /// The request that began at `began` was accepted. Counts in the bucket of that time, so that a request and its
    /// acceptance leave the window together.
    KEEL_ALWAYS_INLINE bool try_accept(const Config& k, time_point began) noexcept {
        call at;
        at.turn_at(began);
        return settled_.try_success(window_of(k), at);
    }
    KEEL_COLD void accept(const Config& k, time_point began) noexcept {
        call at;
        at.turn_at(began);
        count(settled_, k, at);
    }
    /// The request that began at `began` counts as if it had never been made.
    KEEL_COLD void withdraw(const Config& k, time_point began) noexcept {
        call at;
        at.turn_at(began);
        settled_.record(window_of(k), at, 0, {.failed = true, .slow = false});
    }
    /// A request was not accepted. Returns what `probability()` is then.
    KEEL_COLD double evaluate(const Config& k, time_point now) noexcept {
        const std::int64_t bucket = bucket_of(k, now);
        std::uint64_t seen = probability_.load(std::memory_order_relaxed);
        begin_bucket(bucket);
        for (;;) {
            // Of requests that fail at the same time, the last to pass this fence sees all of them, since each was
            // counted before its own. One that saw fewer can't store after it: the value it compares with has changed.
            Atomics::fence(std::memory_order_seq_cst);
            const std::int64_t latest = evaluated_in_.load(std::memory_order_relaxed);
            const time_point at = bucket < latest ? time_point(nanos(latest * window_of(k).bucket_length())) : now;
            const double p = probability_of(k, counted(k, at));
            const auto next = std::bit_cast<std::uint64_t>(p);
            if (next == seen || probability_.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return p;
        }
    }

    /// As it was evaluated last.
    double probability() const noexcept { return std::bit_cast<double>(probability_.load(std::memory_order_relaxed)); }

    struct held {
        std::uint64_t requests;
        std::uint64_t accepts;
    };
    /// What the window of `now` holds.
    held counted(const Config& k, time_point now) const noexcept {
        const window_counts s = settled_.counted(window_of(k), now, any_generation);
        const std::uint64_t made = requests_.counted(window_of(k), now, any_generation).calls;
        return {made - lesser(made, s.failed), s.calls - s.failed};
    }

    /// Google, "Site Reliability Engineering" (2016), chapter 21, equation 21-1.
    static constexpr double probability_of(const Config& k, held in) noexcept {
        const auto requests = static_cast<double>(in.requests), accepts = static_cast<double>(in.accepts);
        const double p = (requests - k.k * accepts) / (requests + 1);
        return p > 0 ? lesser(p, k.max_probability) : 0;
    }

  private:
    using counts = typename window::template counts<Atomics>;

    // Who read the clock before others did, and comes by after them, knows less of the window than they: what is
    // evaluated is that of the latest bucket. A clock that leaps back by a window and more begins anew.
    void begin_bucket(std::int64_t bucket) noexcept {
        std::int64_t latest = evaluated_in_.load(std::memory_order_relaxed);
        const auto is_newer = [bucket](std::int64_t than) {
            return bucket > than || static_cast<std::uint64_t>(than) - static_cast<std::uint64_t>(bucket) > Buckets;
        };
        while (is_newer(latest) && !evaluated_in_.compare_exchange_weak(latest, bucket, std::memory_order_relaxed)) {
        }
    }

    static std::int64_t bucket_of(const Config& k, time_point at) noexcept {
        return epoch_number(at, window_of(k).bucket_length());
    }
    static void count(counts& in, const Config& k, call& c) noexcept {
        if (!in.try_success(window_of(k), c)) in.record(window_of(k), c, 0, {.failed = false, .slow = false});
    }

    counts requests_;
    counts settled_; // what was accepted; and, as failed, what was withdrawn
    // Bits of a double. A line of its own: every request reads it, and only failures write it.
    alignas(cache_line) typename Atomics::template atomic<std::uint64_t> probability_{0};
    typename Atomics::template atomic<std::int64_t> evaluated_in_{std::numeric_limits<std::int64_t>::min()};
};

} // namespace keel::detail
