// SPDX-License-Identifier: BSL-1.0
// Random calls through `timeout | retry | chaos | chaos`, beside the same nesting written down naively.
#include "support/cold_only.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/chaos.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/random.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

using namespace std::chrono_literals;

namespace {
constexpr auto after = 20ms, delay = 3ms;
constexpr int attempts = 4;
constexpr double outer_rate = 0.3, inner_rate = 0.4;

/// How a call ends: a value that is not negative, or one of these.
enum : int { threw = -1, injected = -2, timed_out = -3 };

struct deed {
    std::chrono::milliseconds takes;
    int ends;
};
/// What the function does in a call, what is switched on, and which predicates hold. The same for pipeline and model.
struct script {
    std::vector<deed> deeds;
    bool outer_on, inner_on, outer_may, inner_may;

    explicit script(std::mt19937_64& random)
      : deeds(attempts)
      , outer_on(random() % 4 != 0)
      , inner_on(random() % 4 != 0)
      , outer_may(random() % 4 != 0)
      , inner_may(random() % 4 != 0) {
        for (deed& each : deeds)
            each = {std::chrono::milliseconds(random() % 8),
                    random() % 2 == 0 ? static_cast<int>(random() % 9) : threw};
    }
};
const script* running = nullptr;

enum class kind { waits, runs, answers };
struct step {
    kind does;
    std::chrono::milliseconds takes{};
    int ends = 0;
};
constexpr int goes_on = -99;

/// The documentation's rules, one after the other.
struct naive {
    std::vector<step> outer, inner;
    std::uint64_t seed;
    keel::random_source outer_draws{seed}, inner_draws{seed + 1};
    keel::time_point now{};
    keel::time_point due{};
    int invoked = 0, hits = 0;

    int injected_by(const std::vector<step>& steps) {
        ++hits;
        for (const step& each : steps) {
            now = each.does == kind::waits ? std::max(now, std::min(now + each.takes, due)) : now + each.takes;
            if (each.does == kind::waits && now >= due) return timed_out;
            if (each.does == kind::answers) return each.ends;
        }
        return goes_on;
    }
    int attempt(const script& s) {
        int end = goes_on;
        if (s.outer_on && s.outer_may && outer_draws.unit() < outer_rate) end = injected_by(outer);
        if (end != goes_on) return end;
        if (s.inner_on && s.inner_may && inner_draws.unit() < inner_rate) end = injected_by(inner);
        if (end != goes_on) return end;
        const deed& d = s.deeds[static_cast<std::size_t>(invoked++)];
        now += d.takes;
        return d.ends;
    }
    int call(const script& s) {
        due = now + after;
        invoked = 0;
        for (int made = 1;; ++made) {
            const int end = attempt(s);
            if (end >= 0) return now > due ? timed_out : end;
            if (made == attempts || now >= due || due - now <= delay) return end;
            now += delay;
        }
    }
};

constexpr auto outer_may = [] { return running->outer_may; };
constexpr auto inner_may = [] { return running->inner_may; };

template <class Pipeline>
int end_of(Pipeline& p, keel::manual_clock& clock, const script& s, int& invoked) {
    running = &s;
    invoked = 0;
    const auto r = p.attempt([&] {
        const deed& d = s.deeds[static_cast<std::size_t>(invoked++)];
        clock.advance(d.takes);
        if (d.ends == threw) throw 1;
        return d.ends;
    });
    if (r) return *r;
    if (r.error().exception()) return threw;
    return r.error() == keel::errc::injected ? injected : timed_out;
}

/// Adds what is injected to a `chaos`, which has its rate, its switch and its predicate.
template <class Outer, class Inner>
void compare(Outer outer, const std::vector<step>& naive_outer, Inner inner, const std::vector<step>& naive_inner,
             std::uint64_t seed, int calls) {
    std::atomic<bool> outer_on{false}, inner_on{false};
    keel::manual_clock time_of_p, time_of_cold;
    const keel::manual_clock* clock = &time_of_p;
    const auto first =
        outer(keel::chaos({.rate = outer_rate, .enabled = &outer_on, .seed = seed}).when(outer_may), clock);
    const auto second =
        inner(keel::chaos({.rate = inner_rate, .enabled = &inner_on, .seed = seed + 1}).when(inner_may), clock);
    constexpr auto guard =
        keel::timeout(after) | keel::retry<keel::constant>({.attempts = attempts, .backoff = {.every = delay}});
    keel::pipeline p{guard | first | second, time_of_p};
    keel::pipeline cold{guard | support::cold_only{first} | second, time_of_cold};

    naive model{naive_outer, naive_inner, seed};
    std::mt19937_64 random(seed);
    for (int i = 0; i < calls; ++i) {
        const script s(random);
        outer_on = s.outer_on;
        inner_on = s.inner_on;
        const int expected = model.call(s);
        int invoked = 0;
        clock = &time_of_p;
        REQUIRE_MESSAGE(end_of(p, time_of_p, s, invoked) == expected, "KEEL_SEED=" << seed << ", call " << i);
        REQUIRE_MESSAGE(invoked == model.invoked, "KEEL_SEED=" << seed << ", call " << i);
        REQUIRE_MESSAGE(time_of_p.now() == model.now, "KEEL_SEED=" << seed << ", call " << i);
        clock = &time_of_cold;
        REQUIRE_MESSAGE(end_of(cold, time_of_cold, s, invoked) == expected, "KEEL_SEED=" << seed << ", call " << i);
        REQUIRE_MESSAGE(invoked == model.invoked, "KEEL_SEED=" << seed << ", call " << i);
        REQUIRE_MESSAGE(time_of_cold.now() == model.now, "KEEL_SEED=" << seed << ", call " << i);
    }
    // Else the run would have shown little.
    CHECK(model.hits > calls / 10);
}
} // namespace

TEST_CASE("what is injected comes out as the naive nesting says") {
    const char* given = std::getenv("KEEL_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
    constexpr int calls = 10'000;
    using clock = const keel::manual_clock*;

    const auto with_outer = [&](auto outer, const std::vector<step>& naive_outer) {
        compare(
            outer, naive_outer, [](const auto& c, clock&) { return c.result(7); }, {{.does = kind::answers, .ends = 7}},
            seed, calls);
        compare(
            outer, naive_outer,
            [](const auto& c, clock& now) { return c.behavior([&now] { keel::manual_clock(*now).advance(2ms); }); },
            {{.does = kind::runs, .takes = 2ms}}, seed, calls);
        compare(
            outer, naive_outer,
            [](const auto& c, clock& now) {
                return c.latency(1ms).result([&now]() -> int {
                    keel::manual_clock(*now).advance(6ms);
                    throw 1;
                });
            },
            {{.does = kind::waits, .takes = 1ms}, {.does = kind::answers, .takes = 6ms, .ends = threw}}, seed, calls);
    };
    with_outer([](const auto& c, clock&) { return c.fault(); }, {{.does = kind::answers, .ends = injected}});
    with_outer([](const auto& c, clock&) { return c.latency(6ms); }, {{.does = kind::waits, .takes = 6ms}});
    with_outer([](const auto& c, clock&) { return c.latency(30ms); }, {{.does = kind::waits, .takes = 30ms}});
    with_outer([](const auto& c, clock&) { return c.latency(5ms).fault(); },
               {{.does = kind::waits, .takes = 5ms}, {.does = kind::answers, .ends = injected}});
}
