#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/circuit_word.hpp"
#include "../detail/lesser.hpp"
#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../sync/cache_line.hpp"
#include "epoch.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace keel::detail {

/// How many calls that began in one slice of time are in flight: `generation:20 | epoch:16 | count:28`. The count is
/// signed, because a call may end on another thread than it began on. A thread that finds another generation or epoch
/// than its own starts the bucket over.
struct in_flight_bucket {
    std::uint64_t word = 0;

    static constexpr in_flight_bucket of(std::uint64_t generation, std::uint64_t epoch, std::int64_t count) noexcept {
        return {generation << 44 | (epoch & 0xffff) << 28 | (static_cast<std::uint64_t>(count) & count_mask)};
    }
    constexpr std::uint64_t generation() const noexcept { return word >> 44; }
    constexpr std::int64_t count() const noexcept { return static_cast<std::int64_t>(word << 36) >> 36; }
    /// How many buckets before `epoch` it was current.
    constexpr std::uint64_t age(std::uint64_t epoch) const noexcept { return (epoch - (word >> 28)) & 0xffff; }
    /// Whether it is ahead of `epoch`, by `most` at most: one that seems further ahead was left behind so long ago that
    /// epochs have wrapped.
    constexpr bool lies_ahead(std::uint64_t epoch, std::uint64_t most) const noexcept {
        return age(epoch) > 0xffff - most;
    }
    constexpr in_flight_bucket plus(std::int64_t change) const noexcept {
        return {(word & ~count_mask) | (static_cast<std::uint64_t>(count() + change) & count_mask)};
    }

  private:
    static constexpr std::uint64_t count_mask = (std::uint64_t{1} << 28) - 1;
};

/// Whether `a` began shortly after `b`: a number that is further ahead is from before they wrapped.
template <unsigned GenerationBits = circuit_word::generation_bits>
constexpr bool is_later_generation(std::uint64_t a, std::uint64_t b) noexcept {
    constexpr std::uint64_t mask = basic_circuit_word<GenerationBits>::generation_mask;
    const std::uint64_t ahead = (a - b) & mask;
    return ahead != 0 && ahead <= lesser(mask / 2, std::uint64_t{1024});
}

/// What a bucket held when it started over: `generation:20 | count:44`.
template <unsigned GenerationBits = circuit_word::generation_bits>
struct in_flight_remainder {
    std::uint64_t word = 0;

    constexpr std::uint64_t generation() const noexcept { return word >> 44; }
    constexpr std::int64_t count() const noexcept { return static_cast<std::int64_t>(word << 20) >> 20; }
    constexpr in_flight_remainder plus(std::uint64_t of, std::int64_t change) const noexcept {
        if (is_later_generation<GenerationBits>(generation(), of) && count() != 0) return *this;
        const std::int64_t before = generation() == of ? count() : 0;
        return {of << 44 | (static_cast<std::uint64_t>(before + change) & ((std::uint64_t{1} << 44) - 1))};
    }
};

/// The calls of a circuit that have begun and not ended. A thread with a shard of its own pays a plain store for the
/// beginning and one for the end; others pay a compare-and-swap for each. Calls of another generation are forgotten.
///
/// A call is overdue once it has run for longer than the limit. That is counted late by at most an eighth of the limit.
template <std::size_t Shards, class Atomics>
class in_flight_calls {
  public:
    using word = typename Atomics::template atomic<std::uint64_t>;

    /// The bucket that this thread has to change when a call that began at `began` begins or ends; null if that takes
    /// more than a plain store.
    KEEL_ALWAYS_INLINE word* try_find(nanos limit, std::uint64_t generation, time_point began) noexcept {
        const std::uint32_t slot = Atomics::slot();
        if (slot >= Shards) [[unlikely]]
            return nullptr;
        shard& mine = shards_[slot];
        // Unsigned: a bucket that began never, or lies ahead, is far away.
        const std::uint64_t into = static_cast<std::uint64_t>(began.time_since_epoch().count()) -
                                   static_cast<std::uint64_t>(mine.started.load(std::memory_order_relaxed));
        if (into >= length(limit) || mine.generation.load(std::memory_order_relaxed) != generation) [[unlikely]]
            return nullptr;
        return &mine.buckets[mine.current.load(std::memory_order_relaxed)];
    }
    KEEL_ALWAYS_INLINE static void change(word& bucket, std::int64_t by) noexcept {
        const in_flight_bucket seen{bucket.load(std::memory_order_relaxed)};
        bucket.store(seen.plus(by).word, std::memory_order_relaxed);
    }

    void begin(nanos limit, std::uint64_t generation, time_point now) noexcept {
        count(limit, generation, now, now, 1);
    }
    void end(nanos limit, std::uint64_t generation, time_point began, time_point now) noexcept {
        count(limit, generation, began, now, -1);
    }

    /// True for one caller in each bucket and generation: calls that are overdue at the start of a bucket are so to its
    /// end, and no others become overdue.
    bool is_to_be_judged(nanos limit, std::uint64_t generation, time_point now) noexcept {
        const std::uint64_t mark = in_flight_bucket::of(generation, epoch(limit, now), 1).word;
        return judged_.load(std::memory_order_relaxed) != mark &&
               judged_.exchange(mark, std::memory_order_relaxed) != mark;
    }

    /// How many calls that began in `generation` are under way and overdue at `now`.
    std::uint64_t overdue(nanos limit, std::uint64_t generation, time_point now) const noexcept {
        const std::uint64_t at = epoch(limit, now);
        std::int64_t sum = 0;
        for (const shard& s : shards_) {
            // Read first, so that what a bucket held is never seen in both places, only for a moment in neither.
            const remainder rest{s.rest.load(std::memory_order_acquire)};
            if (rest.generation() == generation) sum += rest.count();
            for (const word& each : s.buckets) {
                const in_flight_bucket b{each.load(std::memory_order_relaxed)};
                if (b.generation() == generation && b.age(at) > buckets_in_limit && !b.lies_ahead(at, slowest))
                    sum += b.count();
            }
        }
        return sum > 0 ? static_cast<std::uint64_t>(sum) : 0;
    }

  private:
    using remainder = in_flight_remainder<Atomics::generation_bits>;

    static constexpr std::uint64_t buckets_in_limit = 8;
    // How many buckets go by at most between a reading of the clock and its use.
    static constexpr std::uint64_t slowest = 64;
    // A bucket that starts over held nothing but calls that are overdue.
    static constexpr std::size_t size = buckets_in_limit + 2;

    struct alignas(cache_line) shard {
        typename Atomics::template atomic<std::int64_t> started{INT64_MIN};
        word generation{0};
        typename Atomics::template atomic<std::uint32_t> current{0};
        word rest{0};
        std::array<word, size> buckets{};
    };

    static constexpr std::uint64_t length(nanos limit) noexcept {
        return (static_cast<std::uint64_t>(limit.count) + buckets_in_limit - 1) / buckets_in_limit;
    }
    static std::int64_t number(nanos limit, time_point at) noexcept {
        return epoch_number(at, static_cast<std::int64_t>(length(limit)));
    }
    static std::uint64_t epoch(nanos limit, time_point at) noexcept {
        return static_cast<std::uint64_t>(number(limit, at)) & 0xffff;
    }

    /// `seen` with the change; in `left_over` what has to go to the rest instead.
    static in_flight_bucket changed(in_flight_bucket seen, std::uint64_t generation, std::uint64_t epoch,
                                    std::int64_t by, std::int64_t& left_over) noexcept {
        left_over = 0;
        // A thread that was stopped before the generation of the bucket began must not start it over.
        if (is_later_generation<Atomics::generation_bits>(seen.generation(), generation) && seen.count() != 0)
            return seen;
        if (seen.generation() != generation) return in_flight_bucket::of(generation, epoch, by);
        if (seen.age(epoch) == 0) return seen.plus(by);
        // One that is ahead and empty was left behind, too.
        const bool is_ahead = seen.lies_ahead(epoch, slowest) && seen.count() != 0;
        left_over = is_ahead ? by : seen.count();
        return is_ahead ? seen : in_flight_bucket::of(generation, epoch, by);
    }

    KEEL_COLD void count(nanos limit, std::uint64_t generation, time_point began, time_point now,
                         std::int64_t by) noexcept {
        const std::int64_t n = number(limit, began);
        const std::size_t i = epoch_index(n, size);
        // Its bucket may have started over, here or elsewhere: both count as overdue, so one is as good as the other.
        const bool is_long_past = number(limit, now) - n >= static_cast<std::int64_t>(size);
        std::uint32_t slot = Atomics::slot();
        if (slot >= Shards) slot = Atomics::claim_slot();
        const bool is_shared = slot >= Shards;
        shard& s = shards_[is_shared ? Shards : slot];
        std::int64_t left_over = by;
        if (!is_long_past) {
            word& bucket = s.buckets[i];
            const std::uint64_t e = static_cast<std::uint64_t>(n) & 0xffff;
            in_flight_bucket seen{bucket.load(std::memory_order_relaxed)};
            in_flight_bucket next = changed(seen, generation, e, by, left_over);
            if (is_shared) {
                while (!bucket.compare_exchange_weak(seen.word, next.word, std::memory_order_relaxed))
                    next = changed(seen, generation, e, by, left_over);
            } else {
                bucket.store(next.word, std::memory_order_relaxed);
                if (next.age(e) == 0) make_current(s, n * static_cast<std::int64_t>(length(limit)), generation, i);
            }
        }
        if (left_over == 0) return;
        remainder rest{s.rest.load(std::memory_order_relaxed)};
        // Release: who reads it sees that the bucket has started over.
        if (is_shared) {
            while (!s.rest.compare_exchange_weak(rest.word, rest.plus(generation, left_over).word,
                                                 std::memory_order_release, std::memory_order_relaxed)) {
            }
        } else {
            s.rest.store(rest.plus(generation, left_over).word, std::memory_order_release);
        }
    }

    static void make_current(shard& mine, std::int64_t started, std::uint64_t generation, std::size_t i) noexcept {
        mine.started.store(started, std::memory_order_relaxed);
        mine.generation.store(generation, std::memory_order_relaxed);
        mine.current.store(static_cast<std::uint32_t>(i), std::memory_order_relaxed);
    }

    std::array<shard, Shards + 1> shards_{};
    word judged_{0};
};

/// Where calls in flight are not counted.
struct no_in_flight_calls {};

} // namespace keel::detail
