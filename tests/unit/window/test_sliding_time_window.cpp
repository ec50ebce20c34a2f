// SPDX-License-Identifier: BSL-1.0
#include "support/differential.hpp"
#include "support/recorder.hpp"

#include <keel/sync/atomics.hpp>
#include <keel/window/sliding_time_window.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

using namespace std::chrono_literals;
using keel::judgement;
using keel::sliding_time_window;
using keel::time_point;
using support::draw;

static_assert(keel::sliding_time_window_options{}.shards == 16 && keel::sliding_time_window_options{}.buckets == 16);
static_assert(!keel::sliding_time_window_options{}.count_overdue);
static_assert(!sliding_time_window::needs().entry_time && sliding_time_window::needs().settle_time);

namespace {
using recorder = support::recorder<sliding_time_window>;
using config = keel::breaker_config<sliding_time_window>;

/// Ten buckets of one second; fails at half, with two calls.
recorder ten_seconds(int minimum = 2) { return recorder(config{.failure_rate = 0.5, .minimum_calls = minimum}); }
constexpr time_point start(1000s);

/// While it fills, what is stored in a bucket is as if all that it has room for had been counted before.
struct filling_atomics : keel::std_atomics {
    static inline bool fills = false;
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        void store(T value, std::memory_order order) noexcept {
            if constexpr (std::is_same_v<T, std::uint64_t>) {
                if (fills) value |= 0xffff'ffff;
            }
            std::atomic<T>::store(value, order);
        }
    };
};
/// The first thread that has no shard of its own. What `after_load` says happens once, right after the next load.
struct shardless_atomics : keel::std_atomics {
    static inline std::function<void()> after_load;
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        T load(std::memory_order order) const noexcept {
            const T found = std::atomic<T>::load(order);
            if (after_load) std::exchange(after_load, nullptr)();
            return found;
        }
    };
    static std::uint32_t slot() noexcept { return sliding_time_window::shards; }
    static std::uint32_t claim_slot() noexcept { return slot(); }
};
/// Every other exchange that may fail for no reason does.
struct fickle_atomics : keel::std_atomics {
    static inline unsigned exchanges = 0;
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        bool compare_exchange_weak(T& seen, T next, std::memory_order won,
                                   std::memory_order lost = std::memory_order_relaxed) noexcept {
            return ++exchanges % 2 == 0 && std::atomic<T>::compare_exchange_strong(seen, next, won, lost);
        }
    };
};
} // namespace

TEST_CASE("a time window decides nothing below the minimum of calls, however long it takes") {
    recorder r = ten_seconds(3);
    r.record(2, true, start);
    CHECK(r.judge(start) == judgement::too_few);
    r.record(false, start + 9s);
    CHECK(r.judge(start + 9s) == judgement::failing);
    CHECK(r.judge(start + 10s) == judgement::too_few);
}

TEST_CASE("a time window holds the bucket that runs and those before it, to the nanosecond") {
    recorder r = ten_seconds(1);
    r.record(true, start + 1s - 1ns); // in the first bucket, at its very end
    CHECK(r.judge(start + 10s - 1ns) == judgement::failing);
    CHECK(r.judge(start + 10s) == judgement::too_few);
    r.record(true, start + 20s); // at the very start of its bucket
    CHECK(r.judge(start + 30s - 1ns) == judgement::failing);
    CHECK(r.judge(start + 30s) == judgement::too_few);
}

TEST_CASE("a success at the very start of a bucket is of that one, on the healthy path too") {
    recorder r = ten_seconds(1);
    r.record(false, start);
    r.record(false, start + 1s - 1ns);
    r.record(false, start + 1s);
    CHECK(r.counts.counted(r.config.window, start + 10s, 0).calls == 1);
}

TEST_CASE("a success that comes later than a whole window is lost, on the healthy path too") {
    recorder r = ten_seconds(1);
    r.record(false, start + 10s);
    r.record(2, false, start); // where the bucket of ten seconds later is
    CHECK(r.counts.counted(r.config.window, start + 10s, 0).calls == 1);
    CHECK(r.counts.total() == 3);
}

TEST_CASE("threads without a shard of their own lose none of each other's results") {
    support::recorder<sliding_time_window, shardless_atomics> r(config{});
    shardless_atomics::after_load = [&] { r.record(false, start); };
    r.record(false, start);
    CHECK(!shardless_atomics::after_load);
    CHECK(r.counts.counted(r.config.window, start, 0).calls == 2);
}

TEST_CASE("a time window forgets at the clock's epoch, and right before and after it, as at any other time") {
    for (int second = -2; second <= 2; ++second) {
        const time_point then(std::chrono::seconds{second});
        recorder r = ten_seconds(1);
        r.record(true, then - 1s);
        r.start_over(then);
        CHECK(r.counts.counted(r.config.window, then, 0).calls == 0);
        CHECK(r.counts.counted(r.config.window, then, 0).failed == 0);
    }
}

TEST_CASE("a time window that starts over is not undone by a thread that saw less of it, or an earlier bucket") {
    for (const auto later : {0s, 1s}) {
        recorder r = ten_seconds(1);
        keel::call then;
        then.turn_at(start);
        r.record(true, start);
        const auto seen = r.counts.so_far(r.config.window, then);
        r.record(true, start + later);
        r.start_over(start + later);
        r.counts.start_over(seen);
        const keel::window_counts held = r.counts.counted(r.config.window, start + later, 0);
        CHECK(held.calls == 0);
        CHECK(held.failed == 0);
    }
}

TEST_CASE("what leaves the window that threads without a shard share stays in the total") {
    support::recorder<sliding_time_window, shardless_atomics> r(config{});
    r.record(false, start);
    r.record(false, start + 10s);
    CHECK(r.counts.counted(r.config.window, start + 10s, 0).calls == 1);
    CHECK(r.counts.total() == 2);
}

TEST_CASE("a time window's rate rises when old successes leave it, without any failure") {
    recorder r = ten_seconds(2);
    r.record(3, false, start);
    r.record(2, true, start + 5s);
    CHECK(r.judge(start + 5s) == judgement::healthy);
    CHECK(r.judge(start + 9s) == judgement::healthy);
    CHECK(r.judge(start + 10s) == judgement::failing);
}

TEST_CASE("a success trips a circuit whose older successes have left the window") {
    keel::manual_clock clock;
    clock.set(start);
    keel::pipeline p{keel::breaker<sliding_time_window>({.failure_rate = 0.5, .minimum_calls = 2}), clock};
    for (int i = 0; i < 5; ++i)
        p(support::good);
    clock.advance(5s);
    p(support::bad), p(support::bad);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
    clock.advance(5s);
    p(support::good);
    CHECK(p.circuit().state() == keel::circuit_state::open);
}

TEST_CASE("a time window of one bucket is the bucket that runs") {
    recorder r(config{.window = {.span = 1s, .buckets = 1}, .failure_rate = 1, .minimum_calls = 1});
    r.record(true, start + 1s - 1ns);
    CHECK(r.judge(start + 1s - 1ns) == judgement::failing);
    CHECK(r.judge(start + 1s) == judgement::too_few);
}

TEST_CASE("a time window forgets what was before it started over, in the bucket that runs too") {
    recorder r = ten_seconds(1);
    r.record(5, true, start);
    r.record(5, true, start + 3s);
    r.start_over(start + 3s);
    CHECK(r.judge(start + 3s) == judgement::too_few);
    r.record(false, start + 3s);
    CHECK(r.judge(start + 3s) == judgement::healthy);
    r.record(true, start + 4s);
    CHECK(r.judge(start + 4s) == judgement::failing);
    CHECK(r.judge(start + 12s) == judgement::failing);
    CHECK(r.judge(start + 13s) == judgement::failing);
    CHECK(r.judge(start + 14s) == judgement::too_few);
}

TEST_CASE("a time window survives a clock that stands still, and one that leaps") {
    recorder r = ten_seconds(1);
    r.record(1000, true, start);
    CHECK(r.judge(start) == judgement::failing);
    const time_point far = start + std::chrono::hours(24 * 365 * 50);
    CHECK(r.judge(far) == judgement::too_few);
    r.record(false, far);
    CHECK(r.judge(far) == judgement::healthy);
    r.record(true, far + 1s);
    CHECK(r.judge(far + 1s) == judgement::failing);
}

TEST_CASE("a time window of short buckets counts again after a pause of an hour") {
    recorder r(config{.window = {.span = 10us, .buckets = 10}, .failure_rate = 0.5, .minimum_calls = 1});
    r.record(true, start);
    r.record(true, start + 1h);
    CHECK(r.judge(start + 1h) == judgement::failing);
}

TEST_CASE("a time window loses what comes later than a whole window, and counts what comes a little late") {
    recorder r = ten_seconds(1);
    r.record(4, false, start + 20s);
    r.record(4, true, start + 10s); // its bucket belongs to a later second by now
    CHECK(r.judge(start + 20s) == judgement::healthy);
    r.record(4, true, start + 15s);
    CHECK(r.judge(start + 20s) == judgement::failing);
}

TEST_CASE("a result that comes later than two windows takes no others with it") {
    recorder r = ten_seconds(4);
    r.record(4, false, start + 20s);
    r.record(1, true, start);
    CHECK(r.judge(start + 20s) == judgement::healthy);
}

TEST_CASE("a time window is right before the clock's epoch too") {
    recorder r = ten_seconds(6);
    for (int second = -5; second <= 0; ++second)
        r.record(true, time_point(std::chrono::seconds(second)));
    CHECK(r.judge(time_point(0s)) == judgement::failing);
    r.record(true, time_point(1s)); // takes the place of the one at -5 s
    CHECK(r.judge(time_point(1s)) == judgement::failing);
    CHECK(r.judge(time_point(4s)) == judgement::failing);
    CHECK(r.judge(time_point(5s)) == judgement::failing);
}

TEST_CASE("a thread that has a slot from elsewhere counts in a time window that it has not met") {
    keel::manual_clock clock;
    clock.set(start);
    const auto chain = keel::breaker<sliding_time_window>({.failure_rate = 1, .minimum_calls = 2});
    keel::pipeline elsewhere{chain, clock}, p{chain, clock};
    p(support::good), p(support::good);
    std::thread([&] {
        elsewhere(support::good);
        p(support::good);
        p(support::bad);
    }).join();
    CHECK(p.circuit().state() == keel::circuit_state::closed);
    clock.advance(10s);
    p(support::bad), p(support::bad);
    CHECK(p.circuit().state() == keel::circuit_state::open);
}

TEST_CASE("a thread claims a slot with its first call, and counts the next ones on the healthy path") {
    recorder r = ten_seconds();
    std::thread([&] {
        keel::call c;
        c.turn_at(start);
        CHECK(!r.counts.try_success(r.config.window, c));
        r.record(false, start);
        CHECK(r.counts.try_success(r.config.window, c));
    }).join();
    CHECK(r.counts.total() == 2);
}

TEST_CASE("a time window takes as many buckets as it has places, of one whole length") {
    const auto wrong = [](const auto& window) {
        keel::detail::checker c("breaker");
        window.check(c, keel::detail::thresholds{1, 0.5, false, 1});
        return c.error ? std::string_view(c.error.field) : "";
    };
    CHECK(wrong(sliding_time_window{}) == "");
    CHECK(wrong(sliding_time_window{.span = 16ns, .buckets = 16}) == "");
    CHECK(wrong(sliding_time_window{.span = keel::longest, .buckets = 1}) == "");
    CHECK(wrong(sliding_time_window{.span = 17s, .buckets = 17}) == "window.buckets");
    CHECK(wrong(sliding_time_window{.buckets = 0}) == "window.buckets");
    CHECK(wrong(sliding_time_window{.span = 0s}) == "window.span");
    CHECK(wrong(sliding_time_window{.span = 10ns, .buckets = 3}) == "window.span");
    CHECK(wrong(keel::basic_sliding_time_window<{.buckets = 60}>{.span = 60s, .buckets = 60}) == "");
}

TEST_CASE("a bucket starts over in another epoch, keeps what came a little later, and stops when it is full") {
    using keel::detail::bucket;
    const auto next = [](std::uint32_t epoch, std::uint32_t count, std::uint32_t now) {
        return bucket::of(epoch, count).plus_one(now).word;
    };
    CHECK(next(7, 3, 7) == bucket::of(7, 4).word);
    CHECK(next(7, 3, 9) == bucket::of(9, 1).word);
    CHECK(next(7, 3, 6) == bucket::of(7, 3).word);
    CHECK(next(0, 0, 0xffff'fff0) == bucket::of(0xffff'fff0, 1).word);
    CHECK(next(0xffff'ffff, 3, 0) == bucket::of(0, 1).word);
    CHECK(next(0, 3, 0xffff'ffff) == bucket::of(0, 3).word);
    CHECK(next(7, 3, 7 + 0x8000'0001) == bucket::of(7 + 0x8000'0001, 1).word); // after a long pause
    CHECK(next(7, 0xffff'ffff, 7) == bucket::of(7, 0xffff'ffff).word);
    CHECK(bucket::of(7, 0xffff'ffff).is_full());
    CHECK(bucket::of(7, 0).age(9) == 2);
    CHECK(bucket::of(0xffff'ffff, 0).age(1) == 2);
    CHECK(bucket::of(9, 0).age(7) > 0x8000'0000);
    CHECK(bucket::of(9, 0).is_ahead(7));
    CHECK(!bucket::of(7, 0).is_ahead(7));
    CHECK(!bucket::of(7, 0).is_ahead(9));
    CHECK(bucket::of(7 + 0xf'ffff, 0).is_ahead(7));
    CHECK(!bucket::of(7 + 0x10'0000, 0).is_ahead(7));
}

TEST_CASE("a success is not counted on the healthy path where its bucket has no room for one more") {
    support::recorder<sliding_time_window, filling_atomics> r(config{});
    filling_atomics::fills = true;
    r.record(false, start);
    filling_atomics::fills = false;
    const std::uint64_t full = r.counts.total();
    keel::call c;
    c.turn_at(start);
    CHECK(!r.counts.try_success(r.config.window, c));
    r.record(false, start);
    CHECK(r.counts.total() == full + 1);
}

TEST_CASE("an exchange that fails for no reason is made again") {
    support::recorder<sliding_time_window, fickle_atomics> r(config{.failure_rate = 0.5, .minimum_calls = 1});
    r.record(2, true, start);
    CHECK(r.counts.counted(r.config.window, start, 0).failed == 2);
    r.start_over(start);
    CHECK(r.judge(start) == judgement::too_few);
    CHECK(fickle_atomics::exchanges >= 8);
}

TEST_CASE("a time window judges 11,000 results as those of its buckets written down, after every one") {
    recorder r = ten_seconds(20);
    auto model = support::naive_window::in_time(1s, 10, 20, 0.5);
    support::judge_alike(r, model, 11'000, 1, 1500ms);
    recorder odd(config{.window = {.span = 21ms, .buckets = 3}, .failure_rate = 0.37, .minimum_calls = 4});
    model = support::naive_window::in_time(7ms, 3, 4, 0.37);
    support::judge_alike(odd, model, 11'000, 2, 8ms);
}

TEST_CASE("a circuit with a time window trips exactly when the results of its buckets written down would") {
    support::differ_in_no_result(300, 400, [](auto& random) {
        const int buckets = draw(random, 1, 16), minimum = draw(random, 1, 30);
        const std::chrono::milliseconds length(draw(random, 1, 2000));
        const double rate = support::draw_rate(random);
        return support::trial<sliding_time_window>{
            .config = {.window = {.span = length * buckets, .buckets = buckets},
                       .failure_rate = rate,
                       .minimum_calls = minimum},
            .model = support::naive_window::in_time(length, buckets, minimum, rate),
            .longest_pause = length * draw(random, 1, buckets + 2) / draw(random, 1, 4)};
    });
}

TEST_CASE("a circuit with a time window makes the right decision after each of 11,000 results") {
    support::differ_in_no_result(1, 11'000, [](auto&) {
        return support::trial<sliding_time_window>{
            .config = {}, .model = support::naive_window::in_time(1s, 10, 20, 0.5), .longest_pause = 900ms};
    });
}
