#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../config.hpp"
#include "../detail/lesser.hpp"
#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../policy.hpp"
#include "../sync/cache_line.hpp"
#include "epoch.hpp"
#include "judgement.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace keel {

struct sliding_time_window_options {
    std::size_t shards = 16;    ///< threads that count without an atomic read-modify-write
    std::size_t buckets = 16;   ///< the most that a window may have; 8 bytes each in each shard
    bool count_overdue = false; ///< overdue calls count as slow while they are in flight; 128 bytes for each shard
};

/// The results of the last `span`: the current bucket, which is not over yet, and the `buckets - 1` before it. Buckets
/// start at whole multiples of their length on the clock. A success reads the clock and costs one plain addition.
template <sliding_time_window_options Options = sliding_time_window_options{}>
struct basic_sliding_time_window {
    nanos span = std::chrono::seconds(10); ///< a whole multiple of `buckets` nanoseconds
    int buckets = 10;                      ///< at least 1

    static constexpr bool by_rate = true;
    static constexpr std::size_t shards = Options.shards;
    static constexpr bool counts_overdue = Options.count_overdue;

    constexpr void check(detail::checker& c, const detail::thresholds&) const noexcept {
        c.positive("window.span", span)
            .require(buckets >= 1, "window.buckets", buckets, "must be at least 1")
            .require(buckets <= static_cast<std::int64_t>(Options.buckets), "window.buckets", buckets,
                     "must be at most sliding_time_window_options::buckets (16 by default): raise that");
        if (c.error) return;
        c.require(span.count % buckets == 0, "window.span", static_cast<double>(span.count),
                  "must be a whole multiple of window.buckets nanoseconds");
    }
    static constexpr keel::needs needs() noexcept { return {.entry_time = false, .settle_time = true}; }
    constexpr std::int64_t bucket_length() const noexcept { return span.count / buckets; }
    template <class Atomics>
    class counts;
};

using sliding_time_window = basic_sliding_time_window<>;

namespace detail {

/// One bucket: `epoch:32 | count:32`. Whoever finds another epoch than its own starts it over, so nothing is cleared
/// and nothing tears. Epochs wrap after 2^32 buckets and are compared by their distance.
struct bucket {
    std::uint64_t word = 0;

    static constexpr bucket of(std::uint32_t epoch, std::uint32_t count) noexcept {
        return {std::uint64_t{epoch} << 32 | count};
    }
    constexpr std::uint32_t epoch() const noexcept { return static_cast<std::uint32_t>(word >> 32); }
    constexpr std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(word); }
    constexpr bool is_full() const noexcept { return count() == 0xffff'ffff; }
    /// How many buckets ago it was current at `now`; above 2^31 if it lies ahead.
    constexpr std::uint32_t age(std::uint32_t now) const noexcept { return now - epoch(); }

    /// Whether it is ahead of `now`, as a result that comes late finds it. One that is further ahead than any result
    /// can be late was left behind when the clock leapt: epochs wrap.
    constexpr bool is_ahead(std::uint32_t now) const noexcept {
        constexpr std::uint32_t latest = 1U << 20;
        return epoch() != now && epoch() - now < latest;
    }

    /// With one more result at `now`. Lost are a result that comes later than a whole window, and one for which there
    /// is no room in the count.
    constexpr bucket plus_one(std::uint32_t now) const noexcept {
        if (now == epoch()) return is_full() ? *this : bucket{word + 1};
        return is_ahead(now) && count() != 0 ? *this : of(now, 1);
    }
    /// Of the results of this bucket and one more, how many `next`, made by `plus_one`, does not hold.
    constexpr std::uint32_t gone_in(bucket next) const noexcept { return count() + 1 - next.count(); }
};

} // namespace detail

template <sliding_time_window_options Options>
template <class Atomics>
class basic_sliding_time_window<Options>::counts {
  public:
    using window = basic_sliding_time_window;

    // The healthy path needs no division: the shard knows since when its current bucket runs.
    KEEL_ALWAYS_INLINE bool try_success(const window& w, call& c) noexcept {
        const std::uint32_t slot = Atomics::slot();
        if (slot >= Options.shards) [[unlikely]]
            return false;
        shard& mine = shards_[slot];
        // Unsigned: a bucket that began never, or lies ahead, is far away.
        const std::uint64_t into = static_cast<std::uint64_t>(ticks(c.now())) -
                                   static_cast<std::uint64_t>(mine.started.load(std::memory_order_relaxed));
        if (into >= static_cast<std::uint64_t>(w.bucket_length())) [[unlikely]]
            return false;
        auto& current = mine.calls[mine.current.load(std::memory_order_relaxed)];
        const detail::bucket seen{current.load(std::memory_order_relaxed)};
        if (seen.is_full()) [[unlikely]]
            return false;
        current.store(seen.word + 1, std::memory_order_relaxed);
        return true;
    }

    void record(const window& w, call& c, std::uint64_t, detail::graded g) noexcept {
        count_call(w, c);
        if (g.failed) add_shared(failed_.buckets[index(w, c.now())], epoch(w, c.now()));
        if (g.slow) add_shared(slow_.buckets[index(w, c.now())], epoch(w, c.now()));
        if (g.failed && g.slow) add_shared(slow_failed_.buckets[index(w, c.now())], epoch(w, c.now()));
        // As in the count window: of results that are recorded at the same time, the last to pass here sees them all.
        Atomics::fence(std::memory_order_seq_cst);
    }

    judgement judge(const window& w, call& c, std::uint64_t generation, const detail::thresholds& t) const noexcept {
        return judge_overdue(w, c, generation, t, 0);
    }
    /// As if `overdue` calls had just been recorded as slow ones.
    judgement judge_overdue(const window& w, call& c, std::uint64_t generation, const detail::thresholds& t,
                            std::uint64_t overdue) const noexcept {
        window_counts held = counted(w, c.now(), generation);
        held.calls += overdue;
        held.slow += overdue;
        if (held.calls < static_cast<std::uint64_t>(t.minimum_calls)) return judgement::too_few;
        return t.judge(held);
    }

    window_counts counted(const window& w, time_point at, std::uint64_t) const noexcept {
        const std::uint32_t now = epoch(w, at);
        // The calls last: a failure that is being recorded must not count without its call.
        window_counts c{
            .failed = held(w, failed_, now), .slow = held(w, slow_, now), .slow_failed = held(w, slow_failed_, now)};
        for (const shard& s : shards_)
            c.calls += held(w, s.calls, now);
        c.calls -= forgotten(w, calls_before_, now, c.calls);
        // Where a clock went back by a whole window, a call may have been lost and its failure not.
        for (std::uint64_t* each : {&c.failed, &c.slow, &c.slow_failed})
            *each = detail::lesser(*each, c.calls);
        return c;
    }

    /// All results that were ever recorded; while a bucket starts over, without what it held.
    std::uint64_t total() const noexcept {
        std::uint64_t sum = 0;
        for (const shard& s : shards_) {
            // Acquire, and first: what left a bucket is not seen in both places.
            sum += s.left.load(std::memory_order_acquire);
            for (const word& each : s.calls)
                sum += detail::bucket{each.load(std::memory_order_relaxed)}.count();
        }
        return sum;
    }

    /// What the current bucket holds up to now, to be forgotten with all buckets before it.
    struct recorded_so_far {
        detail::bucket calls, failed, slow, slow_failed;
    };
    recorded_so_far so_far(const window& w, call& c) const noexcept {
        const std::uint32_t now = epoch(w, c.now());
        const std::size_t i = index(w, c.now());
        std::uint32_t calls = 0;
        for (const shard& s : shards_)
            calls += in_bucket(s.calls[i], now);
        const auto held_by = [&](const tracked& t) { return detail::bucket::of(now, in_bucket(t.buckets[i], now)); };
        return {detail::bucket::of(now, calls), held_by(failed_), held_by(slow_), held_by(slow_failed_)};
    }
    /// Forgets that. A thread that comes late can't undo it.
    void start_over(const recorded_so_far& so_far) noexcept {
        advance(calls_before_, so_far.calls);
        advance(failed_.before, so_far.failed);
        advance(slow_.before, so_far.slow);
        advance(slow_failed_.before, so_far.slow_failed);
    }

  private:
    using word = typename Atomics::template atomic<std::uint64_t>;
    using ring = std::array<word, Options.buckets>;
    struct alignas(cache_line) shard {
        typename Atomics::template atomic<std::int64_t> started{INT64_MIN};
        typename Atomics::template atomic<std::uint32_t> current{0};
        word left{0}; // what buckets of `calls` held before they started over
        ring calls{};
    };

    // Nothing was ever forgotten: a count that no bucket ever reaches. Zero would be an epoch that comes again.
    static constexpr std::uint64_t no_start = 0xffff'ffff;

    // What only failures and slow calls touch: shared by all threads.
    struct tracked {
        ring buckets{};
        word before{no_start};
    };

    static std::int64_t ticks(time_point t) noexcept { return t.time_since_epoch().count(); }
    static std::int64_t number(const window& w, time_point at) noexcept {
        return detail::epoch_number(at, w.bucket_length());
    }
    static std::uint32_t epoch(const window& w, time_point at) noexcept {
        return static_cast<std::uint32_t>(number(w, at));
    }
    static std::size_t index(const window& w, time_point at) noexcept {
        return detail::epoch_index(number(w, at), static_cast<std::size_t>(w.buckets));
    }

    void count_call(const window& w, call& c) noexcept {
        const time_point now = c.now();
        std::uint32_t slot = Atomics::slot();
        if (slot >= Options.shards) slot = Atomics::claim_slot();
        if (slot >= Options.shards) {
            shard& shared = shards_[Options.shards];
            if (const std::uint32_t gone = add_shared(shared.calls[index(w, now)], epoch(w, now)); gone != 0)
                shared.left.fetch_add(gone, std::memory_order_release);
            return;
        }
        shard& mine = shards_[slot];
        auto& current = mine.calls[index(w, now)];
        const detail::bucket seen{current.load(std::memory_order_relaxed)};
        const detail::bucket next = seen.plus_one(epoch(w, now));
        current.store(next.word, std::memory_order_relaxed);
        if (const std::uint32_t gone = seen.gone_in(next); gone != 0)
            mine.left.store(mine.left.load(std::memory_order_relaxed) + gone, std::memory_order_release);
        if (next.epoch() != epoch(w, now)) return;
        mine.started.store(number(w, now) * w.bucket_length(), std::memory_order_relaxed);
        mine.current.store(static_cast<std::uint32_t>(index(w, now)), std::memory_order_relaxed);
    }

    // Returns how many results are no longer in the bucket. Release: who reads a failure sees its call, which is
    // counted before.
    static std::uint32_t add_shared(word& w, std::uint32_t now) noexcept {
        detail::bucket seen{w.load(std::memory_order_relaxed)};
        for (;;) {
            const detail::bucket next = seen.plus_one(now);
            if (w.compare_exchange_weak(seen.word, next.word, std::memory_order_release, std::memory_order_relaxed))
                return seen.gone_in(next);
        }
    }

    static std::uint32_t in_bucket(const word& w, std::uint32_t now) noexcept {
        const detail::bucket b{w.load(std::memory_order_relaxed)};
        return b.epoch() == now ? b.count() : 0;
    }

    std::uint64_t held(const window& w, const ring& of, std::uint32_t now) const noexcept {
        const detail::bucket since{calls_before_.load(std::memory_order_relaxed)};
        const bool recent = since.word != no_start && since.age(now) < static_cast<std::uint32_t>(w.buckets);
        std::uint64_t sum = 0;
        for (const word& each : of) {
            const detail::bucket b{each.load(std::memory_order_acquire)};
            if (b.age(now) >= static_cast<std::uint32_t>(w.buckets)) continue;
            if (recent && b.age(now) > since.age(now)) continue;
            sum += b.count();
        }
        return sum;
    }

    std::uint64_t held(const window& w, const tracked& of, std::uint32_t now) const noexcept {
        const std::uint64_t all = held(w, of.buckets, now);
        return all - forgotten(w, of.before, now, all);
    }

    /// What `held` contains of the time before the last start: part of one bucket, as long as that is in the window.
    static std::uint64_t forgotten(const window& w, const word& before, std::uint32_t now,
                                   std::uint64_t most) noexcept {
        const detail::bucket b{before.load(std::memory_order_relaxed)};
        const bool recent = b.word != no_start && b.age(now) < static_cast<std::uint32_t>(w.buckets);
        const std::uint64_t count = recent ? b.count() : 0;
        return count < most ? count : most;
    }

    static void advance(word& target, detail::bucket to) noexcept {
        detail::bucket seen{target.load(std::memory_order_relaxed)};
        const auto is_later = [&] {
            if (seen.word == no_start) return true;
            if (to.epoch() == seen.epoch()) return to.count() > seen.count();
            return !seen.is_ahead(to.epoch());
        };
        while (is_later() && !target.compare_exchange_weak(seen.word, to.word, std::memory_order_relaxed)) {
        }
    }

    std::array<shard, Options.shards + 1> shards_{};
    word calls_before_{no_start};
    tracked failed_;
    tracked slow_;
    tracked slow_failed_;
};

} // namespace keel
