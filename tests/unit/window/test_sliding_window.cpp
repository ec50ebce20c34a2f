// SPDX-License-Identifier: BSL-1.0
#include "support/differential.hpp"
#include "support/recorder.hpp"

#include <keel/sync/atomics.hpp>
#include <keel/window/sliding_window.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using keel::judgement;
using keel::sliding_window;
using support::draw;

static_assert(keel::sliding_window_options{}.shards == 16 && keel::sliding_window_options{}.failures == 256);
static_assert(!keel::sliding_window_options{}.count_overdue);

namespace {
using recorder = support::recorder<sliding_window>;
using config = keel::breaker_config<sliding_window>;

/// What `overtaking` says happens right before the third load from now that acquires.
struct overtaken_atomics : keel::std_atomics {
    static inline std::function<void()> overtaking;
    static inline int loads = 0;
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        T load(std::memory_order order) const noexcept {
            if (overtaking && order == std::memory_order_acquire && ++loads == 3) std::exchange(overtaking, nullptr)();
            return std::atomic<T>::load(order);
        }
    };
};
} // namespace

TEST_CASE("a count window decides nothing below the minimum of calls, successes and failures together") {
    recorder r(config{.failure_rate = 0.5, .minimum_calls = 10});
    r.record(9, true);
    CHECK(r.judge() == judgement::too_few);
    r.record(false);
    CHECK(r.judge() == judgement::failing);
}

TEST_CASE("a count window smaller than the minimum of calls decides when it is full") {
    recorder r(config{.window = {.calls = 3}, .failure_rate = 1, .minimum_calls = 20});
    r.record(2, true);
    CHECK(r.judge() == judgement::too_few);
    r.record(true);
    CHECK(r.judge() == judgement::failing);
}

TEST_CASE("a count window fails at its threshold and not just below it") {
    recorder r(config{.window = {.calls = 10}, .failure_rate = 0.3, .minimum_calls = 10});
    r.record(8, false);
    r.record(2, true);
    CHECK(r.judge() == judgement::healthy);
    r.record(true);
    CHECK(r.judge() == judgement::failing);
}

TEST_CASE("a count window holds the last calls exactly") {
    recorder r(config{.window = {.calls = 4}, .failure_rate = 0.5, .minimum_calls = 4});
    r.record(true);
    r.record(2, false);
    r.record(true); // two of the last four
    CHECK(r.judge() == judgement::failing);
    r.record(false); // the first failure has left
    CHECK(r.judge() == judgement::healthy);
    r.record(true);
    CHECK(r.judge() == judgement::failing);
    r.record(4, false);
    r.record(true);
    CHECK(r.judge() == judgement::healthy);
}

TEST_CASE("a count window of one call is that call") {
    recorder r(config{.window = {.calls = 1}, .failure_rate = 1, .minimum_calls = 1});
    for (const bool failed : {true, false, true, true, false}) {
        r.record(failed);
        CHECK((r.judge() == judgement::failing) == failed);
    }
}

TEST_CASE("a count window forgets what was before it started over, and can't be told to remember") {
    recorder r(config{.window = {.calls = 10}, .failure_rate = 0.1, .minimum_calls = 2});
    r.record(10, true);
    CHECK(r.judge() == judgement::failing);
    r.start_over();
    CHECK(r.judge() == judgement::too_few);
    r.record(2, false);
    CHECK(r.judge() == judgement::healthy);
    r.record(true);
    CHECK(r.judge() == judgement::failing);
    r.start_over();
    r.start_over();
    CHECK(r.judge() == judgement::too_few);
}

TEST_CASE("a count window of as many failures as there are places is exact when they are used again and again") {
    recorder r(config{.window = {.calls = 256}, .failure_rate = 1, .minimum_calls = 256});
    r.record(255, true);
    CHECK(r.judge() == judgement::too_few);
    for (int i = 0; i < 1000; ++i) {
        r.record(true);
        REQUIRE(r.judge() == judgement::failing);
    }
    r.record(false);
    for (int i = 0; i < 255; ++i) {
        REQUIRE(r.judge() == judgement::healthy);
        r.record(true);
    }
    r.record(true);
    CHECK(r.judge() == judgement::failing);
}

TEST_CASE("a count window takes as many calls as it has places for the failures that would trip it") {
    const auto accepts = [](const auto& window, double rate) {
        keel::detail::checker c("breaker");
        window.check(c, keel::detail::thresholds{1, rate, false, 1});
        return !c.error;
    };
    CHECK(accepts(sliding_window{.calls = 256}, 1));
    CHECK(!accepts(sliding_window{.calls = 257}, 1));
    CHECK(accepts(sliding_window{.calls = 512}, 0.5));
    CHECK(!accepts(sliding_window{.calls = 513}, 0.5));
    CHECK(!accepts(sliding_window{.calls = 0}, 0.5));
    CHECK(accepts(keel::basic_sliding_window<{.failures = 1000}>{.calls = 1000}, 1));
    CHECK(accepts(keel::basic_sliding_window<{.failures = 1}>{.calls = 1}, 1));
    CHECK(!accepts(keel::basic_sliding_window<{.failures = 1}>{.calls = 2}, 1));
}

TEST_CASE("a count window judges 11,000 results as the last n of them written down, after every one") {
    recorder r(config{.window = {.calls = 100}, .failure_rate = 0.5, .minimum_calls = 20});
    auto model = support::naive_window::last(100, 20, 0.5);
    support::judge_alike(r, model, 11'000, 1);
    recorder odd(config{.window = {.calls = 7}, .failure_rate = 0.43, .minimum_calls = 30});
    model = support::naive_window::last(7, 30, 0.43);
    support::judge_alike(odd, model, 11'000, 2);
}

TEST_CASE("a circuit with a count window trips exactly when the last n results written down would") {
    support::differ_in_no_result(300, 400, [](auto& random) {
        const int calls = draw(random, 1, 60), minimum = draw(random, 1, 70);
        const double rate = support::draw_rate(random);
        return support::trial<sliding_window>{
            .config = {.window = {.calls = calls}, .failure_rate = rate, .minimum_calls = minimum},
            .model = support::naive_window::last(calls, minimum, rate)};
    });
}

TEST_CASE("a circuit with a count window makes the right decision after each of 11,000 results") {
    support::differ_in_no_result(1, 11'000, [](auto&) {
        return support::trial<sliding_window>{
            .config = {}, .model = support::naive_window::last(sliding_window{}.calls, config{}.minimum_calls, 0.5)};
    });
}

TEST_CASE("a count window never trips below its rate, however its threads are interrupted") {
    keel::pipeline p{
        keel::breaker<sliding_window>({.window = {.calls = 256}, .failure_rate = 1, .minimum_calls = 256})};
    std::vector<std::jthread> running;
    for (int t = 0; t < 2; ++t) {
        running.emplace_back([&] {
            for (int i = 0; i < 20'000; ++i) {
                static_cast<void>(p(support::bad));
                static_cast<void>(p(support::good));
            }
        });
    }
    running.clear();
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

TEST_CASE("a count window that so many failures overtake that it can't look one up asks again") {
    using window = keel::basic_sliding_window<{.failures = 2}>;
    support::recorder<window, overtaken_atomics> r({.window = {.calls = 2}, .failure_rate = 1, .minimum_calls = 2});
    r.record(2, true);
    // The first two that acquire say how many failures and slow calls there are; the third looks up a failure.
    overtaken_atomics::overtaking = [&] { r.record(4, true); };
    CHECK(r.judge() == judgement::failing);
    CHECK(!overtaken_atomics::overtaking);
}
