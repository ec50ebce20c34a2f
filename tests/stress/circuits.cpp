// SPDX-License-Identifier: BSL-1.0
#include "by_threads.hpp"
#include "support/circuit_states.hpp"
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/through.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::ending;

// Threads do at random what they may; what must hold, whatever they did and in whatever order, is checked at the end.
// Nothing waits for time to pass, and no thread waits for another but to end.

namespace {

template <class W>
using circuit = keel::circuit<W, keel::manual_clock>;

#define WINDOWS                                                                                                        \
    keel::sliding_window, keel::sliding_time_window, keel::consecutive_failures,                                       \
        keel::basic_sliding_window<{.shards = 2}>, keel::basic_sliding_time_window<{.shards = 2, .buckets = 4}>

/// Trips soon and recovers soon.
template <class W>
keel::breaker_config<W> restless() {
    keel::breaker_config<W> c{};
    if constexpr (W::by_rate)
        c.minimum_calls = 4;
    else
        c.window.failures = 3;
    if constexpr (requires { c.window.buckets; }) c.window = {.span = 400ns, .buckets = 4};
    c.slow_call.longer_than = 50ns;
    c.open_for = 20ns;
    c.half_open_max_wait = 1us;
    return c;
}

/// As many as there are cores, four times as many, and more than any window has shards.
std::vector<unsigned> crowds() {
    const unsigned cores = std::max(2u, std::thread::hardware_concurrency());
    return {std::min(cores, 8u), std::min(4 * cores, 32u), 20};
}

/// What threads said to circuits, to be compared with what those have counted.
struct said {
    std::atomic<std::uint64_t> granted{0}, refused{0}, succeeded{0}, failed{0}, dropped{0};
};

template <class Circuit, class Random>
void one_call_by_hand(Circuit& c, Random& random, said& s) {
    auto p = c.try_acquire();
    ++(p ? s.granted : s.refused);
    if (!p) return;
    switch (random() % 8) {
    case 0:
    case 1:
    case 2:
        ++s.failed;
        return p.failure();
    case 3:
        ++s.dropped;
        return;
    default:
        ++s.succeeded;
        return p.success();
    }
}

/// But disabled, where nothing is counted.
template <class Circuit>
void put_in_any_state(Circuit& c, std::uint64_t which) {
    using enum circuit_state;
    constexpr circuit_state that_count[] = {closed, open, half_open, forced_open, metrics_only};
    support::put_in(c, that_count[which % 5]);
}

/// What holds of every circuit once no call is under way.
template <class Circuit>
void check_totals(const Circuit& c, const said& s) {
    const keel::circuit_totals t = c.stats().totals;
    CHECK(t.calls == t.successes + t.failures + t.ignored + t.late);
    CHECK(t.calls == s.granted);
    CHECK(t.rejected == s.refused);
    CHECK(t.successes <= s.succeeded);
    CHECK(t.failures <= s.failed);
    CHECK(t.ignored <= s.dropped);
    CHECK(t.slow <= t.successes + t.failures);
    CHECK(t.opens > 0); // or little has happened
}
bool is_sound(const keel::circuit_stats& s) {
    return s.failure_rate >= 0 && s.failure_rate <= 1 && s.slow_rate >= 0 && s.slow_rate <= 1 &&
           s.totals.calls == s.totals.successes + s.totals.failures + s.totals.ignored + s.totals.late;
}
bool is_sound(const keel::circuit_log& log) {
    return log.size <= keel::circuit_log::capacity &&
           std::ranges::all_of(log, [](const keel::circuit_transition& t) { return *name(t.to) != 'u'; });
}

/// Every state can still be entered, by results and by hand: nothing that the threads did has wedged the circuit.
template <class Circuit>
void check_usable(Circuit& c, keel::manual_clock& clock) {
    c.force_open();
    CHECK(!c.try_acquire());
    c.disable();
    CHECK(c.try_acquire());
    c.close();
    for (int i = 0; i < 1000 && c.state() == circuit_state::closed; ++i)
        c.try_acquire().failure();
    REQUIRE(c.state() == circuit_state::open);
    clock.advance(1s);
    for (int i = 0; i < c.config().half_open_calls; ++i)
        c.try_acquire().success();
    CHECK(c.state() == circuit_state::closed);
    const keel::circuit_log log = c.log();
    REQUIRE(log.size >= 6);
    CHECK(log.entries[log.size - 1].from == circuit_state::half_open);
    CHECK(log.entries[log.size - 1].cause == keel::transition_cause::probes_succeeded);
}

} // namespace

TEST_CASE_TEMPLATE("totals add up exactly, whatever threads call, end and set by hand", W, WINDOWS) {
    for (const unsigned threads : crowds()) {
        keel::manual_clock clock;
        circuit<W> c(restless<W>(), clock);
        said s;
        std::atomic<bool> sound{true};
        by_threads(threads, [&](unsigned t) {
            std::mt19937 random(t);
            for (int i = 0; i < 6000; ++i) {
                one_call_by_hand(c, random, s);
                if (random() % 4 == 0) clock.advance(std::chrono::nanoseconds(random() % 30));
                if (random() % 64 == 0) put_in_any_state(c, random());
                if (random() % 16 == 0 && !(is_sound(c.stats()) && is_sound(c.log()))) sound = false;
            }
        });
        CHECK(sound);
        check_totals(c, s);
        check_usable(c, clock);
    }
}

TEST_CASE_TEMPLATE("totals add up exactly when calls come through pipelines and by hand at once", W,
                   keel::sliding_window, keel::sliding_time_window, keel::basic_sliding_window<{.shards = 2}>,
                   keel::basic_sliding_time_window<{.shards = 2, .buckets = 4}>) {
    for (const unsigned threads : crowds()) {
        keel::manual_clock clock;
        circuit<W> c(restless<W>(), clock);
        keel::pipeline p{keel::through(c), clock};
        said s;
        by_threads(threads, [&](unsigned t) {
            std::mt19937 random(t);
            for (int i = 0; i < 6000; ++i) {
                if (t % 4 == 3) {
                    one_call_by_hand(c, random, s);
                } else {
                    const bool fails = random() % 16 == 0;
                    bool called = false;
                    static_cast<void>(p([&] {
                        called = true;
                        if (random() % 64 == 0) clock.advance(100ns);
                        return fails ? support::bad() : support::good();
                    }));
                    ++(called ? s.granted : s.refused);
                    if (called) ++(fails ? s.failed : s.succeeded);
                }
                if (random() % 8 == 0) clock.advance(10ns);
                if (random() % 256 == 0) put_in_any_state(c, random());
            }
        });
        check_totals(c, s);
        check_usable(c, clock);
    }
}

TEST_CASE_TEMPLATE("no generation has more probes in flight than it may, however the threads hurry", W, WINDOWS) {
    constexpr std::size_t generations = keel::detail::circuit_word::generation_mask + 1;
    const auto in_flight = std::make_unique<std::atomic<int>[]>(generations);
    for (const unsigned threads : crowds()) {
        keel::manual_clock clock;
        auto config = restless<W>();
        config.half_open_calls = 2;
        config.half_open_max_wait = keel::longest; // nobody takes over
        circuit<W> c(config, clock);
        c.open();
        std::atomic<bool> too_many{false};
        std::atomic<std::uint64_t> probes{0};
        by_threads(threads, [&](unsigned t) {
            std::mt19937 random(t);
            std::vector<keel::circuit_permit> held;
            const auto end_last = [&](ending e) {
                const keel::circuit_permit p = held.back();
                held.pop_back();
                --in_flight[p.granted_in.generation()];
                keel::call call{keel::clock_ref(clock)};
                c.settle(p, call, e);
            };
            for (int i = 0; i < 5000; ++i) {
                if (random() % 4 == 0) clock.advance(5ns);
                if (held.size() == 4 || random() % 4 == 0) {
                    // Never two successes: the circuit does not close, and all that is granted is a probe.
                    if (!held.empty()) end_last(random() % 4 == 0 ? ending::failed : ending::ignored);
                    continue;
                }
                keel::circuit_permit p;
                keel::call call{keel::clock_ref(clock)};
                if (!c.admit(p, call).granted()) continue;
                ++probes;
                if (++in_flight[p.granted_in.generation()] > 2) too_many = true;
                held.push_back(p);
            }
            while (!held.empty())
                end_last(ending::ignored);
        });
        CHECK(!too_many);
        CHECK(probes > 0);
        CHECK((c.state() == circuit_state::open || c.state() == circuit_state::half_open));
        check_usable(c, clock);
    }
}

TEST_CASE_TEMPLATE("totals add up exactly when threads start and end all the time, and take over each other's shards",
                   W, WINDOWS) {
    keel::manual_clock clock;
    circuit<W> c(restless<W>(), clock);
    c.metrics_only(); // every call is granted
    constexpr unsigned waves = 40, threads = 8, each = 20;
    for (unsigned wave = 0; wave < waves; ++wave) {
        by_threads(threads, [&](unsigned t) {
            for (unsigned i = 0; i < each; ++i) {
                auto p = c.try_acquire();
                (t + i) % 2 == 0 ? p.success() : p.failure();
            }
        });
        clock.advance(150ns);
    }
    const keel::circuit_totals t = c.stats().totals;
    CHECK(t.successes == waves * threads * each / 2);
    CHECK(t.failures == waves * threads * each / 2);
    CHECK(t.late == 0);
    check_usable(c, clock);
}

TEST_CASE_TEMPLATE("totals add up exactly when calls begin on one thread and end on another", W, WINDOWS) {
    using acquired = decltype(std::declval<circuit<W>&>().try_acquire());
    keel::manual_clock clock;
    circuit<W> c(restless<W>(), clock);
    said s;
    std::mutex guard;
    std::deque<acquired> handed_over;
    by_threads(6, [&](unsigned t) {
        std::mt19937 random(t);
        for (int i = 0; i < 1500; ++i) {
            if (random() % 4 == 0) clock.advance(5ns);
            if (t == 0 && random() % 64 == 0) put_in_any_state(c, random());
            auto mine = c.try_acquire();
            ++(mine ? s.granted : s.refused);
            std::optional<acquired> others;
            {
                const std::lock_guard lock(guard);
                if (mine) handed_over.push_back(std::move(mine));
                if (!handed_over.empty() && random() % 2 == 0) {
                    others.emplace(std::move(handed_over.front()));
                    handed_over.pop_front();
                }
            }
            if (!others) continue;
            if (random() % 2 == 0)
                ++s.succeeded, others->success();
            else if (random() % 2 == 0)
                ++s.failed, others->failure();
            else
                ++s.dropped;
        }
    });
    s.dropped += handed_over.size();
    handed_over.clear();
    check_totals(c, s);
    check_usable(c, clock);
}

TEST_CASE_TEMPLATE("a circuit that others open, close and reset meanwhile ends in the state that it was put in last", W,
                   WINDOWS) {
    for (const unsigned threads : crowds()) {
        keel::manual_clock clock;
        circuit<W> c(restless<W>(), clock);
        said s;
        std::atomic<bool> ended{false}, sound{true};
        {
            std::jthread third([&] {
                for (int i = 0; !ended; ++i) {
                    i % 3 == 0 ? c.force_open() : i % 3 == 1 ? c.reset() : c.disable();
                    if (!is_sound(c.stats()) || !is_sound(c.log())) sound = false;
                }
            });
            by_threads(threads, [&](unsigned t) {
                std::mt19937 random(t);
                for (int i = 0; i < 2000; ++i) {
                    one_call_by_hand(c, random, s);
                    if (random() % 4 == 0) clock.advance(5ns);
                }
            });
            ended = true;
        }
        CHECK(sound);
        c.reset();
        const keel::circuit_stats after = c.stats();
        CHECK(after.state == circuit_state::closed);
        CHECK(after.window.calls == 0);
        CHECK(after.rejected == 0);
        CHECK(after.totals.calls == 0);
        CHECK(after.totals.rejected == 0);
        check_usable(c, clock);
    }
}

TEST_CASE("a window of the last n calls holds exactly n once threads have made more") {
    for (const unsigned threads : crowds()) {
        keel::circuit<keel::sliding_window> c({.window = {.calls = 200}, .failure_rate = 1, .minimum_calls = 200});
        by_threads(threads, [&](unsigned) {
            for (int i = 0; i < 400; ++i) {
                c.try_acquire().success();
                if (i % 8 == 0) c.try_acquire().failure();
            }
        });
        CHECK(c.stats().window.calls == 200);
        // Each failure is beside a success of its own thread; the others can't keep all of theirs out.
        CHECK(c.stats().window.failed < 200);
        CHECK(c.stats().totals.successes == threads * 400);
        CHECK(c.stats().totals.failures == threads * 50);
    }
}
