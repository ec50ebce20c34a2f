#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"
#include "../limit/strategy.hpp"
#include "../sync/atomics.hpp"
#include "../sync/cache_line.hpp"
#include "macros.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace keel::detail {

/// Permits whose number follows from how the calls that held them went. `Config` has `min`, `initial`, `max`, `window`,
/// `minimum_calls`, `failure_rate` and `strategy`, and must be the same in each call.
///
/// Taking a permit is one read-modify-write, and so is giving it back; recording how long a call took is two plain
/// additions in this thread's shard. The first thread to end a call after a window is over claims the end of that
/// window and sets the limit anew, while the others go on. Lock-free: if that thread stops, the limit stays as it is,
/// and nobody waits.
template <class Config, class Atomics = std_atomics, std::size_t Shards = 16>
class adaptive_permits {
    using strategy = decltype(Config::strategy);

  public:
    explicit adaptive_permits(const Config& k) noexcept
      : word_(static_cast<std::uint64_t>(k.initial) << 32)
      , limit_(k.initial) {}

    std::uint32_t limit() const noexcept { return limit_in(word_.load(std::memory_order_relaxed)); }
    /// Includes callers that are just being refused.
    std::uint32_t in_flight() const noexcept { return taken_in(word_.load(std::memory_order_relaxed)); }
    /// The mean latency of the last window; 0 before the first one has ended.
    nanos latency() const noexcept { return nanos(latency_.load(std::memory_order_relaxed)); }

    KEEL_ALWAYS_INLINE bool is_full() const noexcept {
        const std::uint64_t seen = word_.load(std::memory_order_relaxed);
        return taken_in(seen) >= limit_in(seen);
    }

    /// Takes a permit: one read-modify-write, or none where it refuses at once. For a moment, others who are just
    /// asking count as if they had permits.
    KEEL_ALWAYS_INLINE bool try_take() noexcept {
        // Without this look, callers that are refused would contend for the word with those that give back.
        if (is_full()) [[unlikely]]
            return false;
        const std::uint64_t before = word_.fetch_add(1, std::memory_order_relaxed);
        if (taken_in(before) >= limit_in(before)) [[unlikely]] {
            give_back();
            return false;
        }
        if (is_used(before + 1) && !used_.load(std::memory_order_relaxed)) [[unlikely]]
            used_.store(1, std::memory_order_relaxed);
        return true;
    }

    /// Gives back a permit without recording its call.
    KEEL_ALWAYS_INLINE void give_back() noexcept { word_.fetch_add(less_one, std::memory_order_relaxed); }

    /// Gives back the permit of a call that succeeded and records it, and returns true, where plain stores will do and
    /// the window is not over. Otherwise does nothing.
    KEEL_ALWAYS_INLINE bool try_succeed(time_point now, nanos took) noexcept {
        const std::uint32_t slot = Atomics::slot();
        if (slot >= Shards || ticks(now) >= ends_.load(std::memory_order_relaxed)) [[unlikely]]
            return false;
        add(shards_[slot], took);
        give_back();
        return true;
    }

    /// Gives back the permit of a call that succeeded or failed. A failure counts as at least as slow as the calls of
    /// the last window: a refusal at once does not show how long an answer takes.
    KEEL_COLD void settle(const Config& k, time_point now, nanos took, bool failed) noexcept {
        if (failed && took < latency()) took = latency();
        std::uint32_t slot = Atomics::slot();
        if (slot >= Shards) slot = Atomics::claim_slot();
        if (slot < Shards) {
            add(shards_[slot], took);
        } else {
            shards_[Shards].nanoseconds.fetch_add(count_of(took), std::memory_order_relaxed);
            shards_[Shards].calls.fetch_add(1, std::memory_order_relaxed);
        }
        if (failed) failed_.fetch_add(1, std::memory_order_relaxed);
        give_back();
        end_window(k, now);
    }

  private:
    using word = typename Atomics::template atomic<std::uint64_t>;
    struct alignas(cache_line) shard {
        word calls{0};
        word nanoseconds{0};
    };
    struct totals {
        std::uint64_t calls = 0, nanoseconds = 0, failed = 0;
    };

    // The end of a window that a thread is just evaluating: for all others it is not over.
    static constexpr std::int64_t taken_away = std::numeric_limits<std::int64_t>::max();
    // Before the first call has ended.
    static constexpr std::int64_t not_begun = std::numeric_limits<std::int64_t>::min();

    // `limit:32 | permits that are out:32`. They change by additions, so neither stands in the way of the other.
    static constexpr std::uint64_t less_one = ~std::uint64_t{0};
    static constexpr std::uint32_t limit_in(std::uint64_t w) noexcept { return static_cast<std::uint32_t>(w >> 32); }
    static constexpr std::uint32_t taken_in(std::uint64_t w) noexcept { return static_cast<std::uint32_t>(w); }
    static constexpr bool is_used(std::uint64_t w) noexcept { return 2 * std::uint64_t{taken_in(w)} >= limit_in(w); }
    static std::int64_t ticks(time_point t) noexcept { return t.time_since_epoch().count(); }
    static std::uint64_t count_of(nanos took) noexcept {
        return took.count > 0 ? static_cast<std::uint64_t>(took.count) : 0;
    }

    // Nobody else stores here while this thread lives. A reader may see one of the two without the other: the mean is
    // off by one call then, and that of the next window by the same in the other direction.
    KEEL_ALWAYS_INLINE static void add(shard& mine, nanos took) noexcept {
        constexpr auto order = std::memory_order_relaxed;
        mine.nanoseconds.store(mine.nanoseconds.load(order) + count_of(took), order);
        mine.calls.store(mine.calls.load(order) + 1, order);
    }

    void end_window(const Config& k, time_point now) noexcept {
        std::int64_t end = ends_.load(std::memory_order_relaxed);
        // Acquire pairs with the release below: what is not atomic belongs to one thread at a time.
        if (ticks(now) < end ||
            !ends_.compare_exchange_strong(end, taken_away, std::memory_order_acquire, std::memory_order_relaxed))
            return;
        const totals seen = total();
        const std::uint64_t calls = seen.calls - last_.calls;
        if (end == not_begun) {
            began_ = now;
        } else if (calls >= static_cast<std::uint64_t>(k.minimum_calls)) { // otherwise it lasts longer
            set_limit(k, of_window(k, now, calls, seen));
            last_ = seen;
            began_ = now;
        }
        ends_.store(ticks(now + k.window), std::memory_order_release);
    }

    totals total() const noexcept {
        // Failures first: each was counted as a call before.
        totals sum{.failed = failed_.load(std::memory_order_relaxed)};
        for (const shard& s : shards_) {
            sum.calls += s.calls.load(std::memory_order_relaxed);
            sum.nanoseconds += s.nanoseconds.load(std::memory_order_relaxed);
        }
        return sum;
    }

    limit_window of_window(const Config& k, time_point now, std::uint64_t calls, const totals& seen) noexcept {
        const std::uint64_t mean = (seen.nanoseconds - last_.nanoseconds) / calls;
        const bool used = used_.load(std::memory_order_relaxed) != 0 || is_used(word_.load(std::memory_order_relaxed));
        used_.store(0, std::memory_order_relaxed);
        latency_.store(static_cast<std::int64_t>(mean), std::memory_order_relaxed);
        return {.length = now - began_,
                .latency = nanos(mean > 0 ? static_cast<std::int64_t>(mean) : 1),
                .used = used,
                .failing =
                    static_cast<double>(seen.failed - last_.failed) > k.failure_rate * static_cast<double>(calls)};
    }

    void set_limit(const Config& k, const limit_window& w) noexcept {
        const double next = k.strategy.next(memory_, limit_, w);
        // Written so that not-a-number becomes the least, too.
        limit_ = !(next > k.min) ? k.min : next > k.max ? k.max : next;
        const std::uint64_t more = static_cast<std::uint64_t>(limit_) - limit();
        word_.fetch_add(more << 32, std::memory_order_relaxed);
    }

    std::array<shard, Shards + 1> shards_{};
    // What every call writes, and what it reads besides, in one line.
    alignas(cache_line) word word_;
    typename Atomics::template atomic<std::int64_t> ends_{not_begun};
    typename Atomics::template atomic<std::uint32_t> used_{0};
    word failed_{0};
    typename Atomics::template atomic<std::int64_t> latency_{0};

    alignas(cache_line) double limit_;
    totals last_{};
    time_point began_{};
    typename strategy::memory memory_{};
};

} // namespace keel::detail
