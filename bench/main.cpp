// SPDX-License-Identifier: BSL-1.0

#include "baselines.hpp"
#include "second_thread.hpp"
#include "table.hpp"
#include "work.hpp"

#include <keel/cache.hpp>
#include <keel/coalesce.hpp>
#include <keel/deadline.hpp>
#include <keel/keel.hpp>

#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace {

using namespace std::chrono_literals;
using bench::work;

#if !defined(__OPTIMIZE__) || !defined(NDEBUG)
#error "the benchmarks mean something only with -O3 -DNDEBUG"
#endif
constexpr const char* flags = "-std=c++23 -O3 -DNDEBUG";

constexpr const char* healthy = "The function succeeds";
constexpr const char* unhealthy = "Refusals and failures";
constexpr const char* headers = "A deadline for another process";
constexpr const char* no_clock = "-";

constexpr auto card = keel::timeout | keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>;
constexpr const char* card_text = "timeout | retry<exp_jitter> | breaker<sliding_window>";

bench::table results;

void tick() {
    static std::atomic<int> runs{0};
    if (runs.fetch_add(1) % 20 == 0) std::fputc('.', stderr);
}

enum class scale { all_threads, one_thread };

/// One row for each number of threads. They all share the one target; every run warms it up first, which also gives
/// each thread its slot and takes a circuit out of its warm-up.
template <class Target, class Call, class Check = decltype([](Target&) { return true; })>
void add(const char* group, const std::string& name, const char* clock, std::shared_ptr<Target> target, Call call,
         scale s = scale::all_threads, Check check = {}) {
    const std::string id = name + (clock == no_clock ? "" : std::string(" @") + clock);
    results.add({id, group, name, clock});
    auto* b = benchmark::RegisterBenchmark(id.c_str(), [target, call, check](benchmark::State& state) {
        Target& shared = *target;
        if (state.thread_index() == 0) tick();
        keel::cached_clock::update(); // otherwise it stands still, and rate limits run out of permits
        int n = 1;
        benchmark::DoNotOptimize(n);
        for (int i = 0; i < 1000; ++i)
            static_cast<void>(call(shared, n));
        for (auto _ : state) {
            const auto r = call(shared, n);
            benchmark::DoNotOptimize(r);
        }
        if (!check(shared)) state.SkipWithError("the circuit is not in the state that this row is about");
    });
    b->UseRealTime()->Threads(1);
    const int threads = static_cast<int>(std::thread::hardware_concurrency());
    if (s == scale::all_threads && threads > 1) b->Threads(threads);
}

// Inlined into the loop by force: a compiler may take the path that refuses for a cold one.
#define INLINED __attribute__((always_inline))
constexpr auto called = [](auto& p, int n) INLINED { return p([n] { return work(n); }); };
constexpr auto attempted = [](auto& p, int n) INLINED { return p.attempt([n] { return work(n); }).has_value(); };
constexpr auto driven_by_hand = [](auto& p, int n) INLINED {
    auto t = p.begin();
    if (!t) return 0;
    const int r = work(n);
    t.success();
    return r;
};
constexpr auto as_expected = [](auto& p, int n) INLINED {
    return p([n]() -> std::expected<int, std::error_code> { return work(n); }).has_value();
};
constexpr auto as_exception = [](auto& p, int n) INLINED {
    try {
        return p([n] { return work(n); });
    } catch (const keel::rejected&) {
        return 0;
    }
};

struct none {};

/// Calls `f(clock name, std::type_identity<Clock>)` for every clock that this machine has.
template <class F>
void for_each_clock(F f) {
    f("steady", std::type_identity<keel::steady_clock>{});
    if (keel::tsc_clock::is_supported()) f("tsc", std::type_identity<keel::tsc_clock>{});
    f("coarse", std::type_identity<keel::coarse_clock>{});
    f("cached", std::type_identity<keel::cached_clock>{});
}

template <auto Chain>
void add_static(const std::string& name) {
    add(healthy, name, no_clock, std::make_shared<keel::static_pipeline<Chain>>(), called);
}
template <auto Chain>
void add_static_with_clocks(const std::string& name) {
    for_each_clock([&]<class Clock>(const char* clock, std::type_identity<Clock>) {
        add(healthy, name, clock, std::make_shared<keel::static_pipeline<Chain, Clock>>(), called);
    });
}

constexpr const char* raw_call = "raw call";
constexpr const char* one_fetch_add = "one fetch_add, uncontended";

struct alignas(64) counter {
    std::atomic<std::uint64_t> n{0};
};
thread_local counter own;

constinit std::atomic<bool> drill{false};

void add_healthy() {
    add(healthy, raw_call, no_clock, std::make_shared<none>(), [](none&, int n) { return work(n); });
    // To compare with: a count and nothing else.
    add(healthy, "raw call and a plain count", no_clock, std::make_shared<none>(), [](none&, int n) {
        own.n.store(own.n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return work(n);
    });
    add(healthy, one_fetch_add, no_clock, std::make_shared<none>(),
        [](none&, int) { return own.n.fetch_add(1, std::memory_order_relaxed); });
    add(healthy, "one fetch_add, shared by the threads", no_clock, std::make_shared<counter>(),
        [](counter& c, int) { return c.n.fetch_add(1, std::memory_order_relaxed); });

    for_each_clock([]<class Clock>(const char* clock, std::type_identity<Clock>) {
        add(healthy, "one reading of the clock", clock, std::make_shared<Clock>(),
            [](Clock& c, int) { return c.now(); });
    });

    add_static<keel::retry<keel::exp_jitter>>("retry<exp_jitter>");
    add_static<keel::retry<keel::exp_jitter>.budgeted()>("retry<exp_jitter>, budgeted (no read-modify-write)");
    add_static<keel::fallback(0)>("fallback(0) (no read-modify-write)");
    add_static<keel::chaos({.rate = 0.01, .enabled = &drill}).fault()>("chaos, switched off (no read-modify-write)");
    add_static<keel::breaker<keel::sliding_window>>("breaker<sliding_window>");
    add_static<keel::breaker<keel::consecutive_failures>>("breaker<consecutive_failures>");
    add_static_with_clocks<keel::breaker<keel::sliding_time_window>>("breaker<sliding_time_window>");
    using watchful = keel::basic_sliding_window<{.count_overdue = true}>;
    add_static_with_clocks<keel::breaker<>({.slow_call = {.longer_than = 2s}})>("breaker, slow calls counted");
    add_static_with_clocks<keel::breaker<watchful>({.slow_call = {.longer_than = 2s}})>(
        "breaker, overdue calls counted");
    add_static_with_clocks<keel::timeout>("timeout");
    add_static_with_clocks<keel::limit<keel::gradient>>("limit<gradient> (2 read-modify-writes)");
    add_static_with_clocks<keel::limit<keel::aimd>>("limit<aimd> (2 read-modify-writes)");
    add_static_with_clocks<keel::throttle>("throttle (no read-modify-write)");
    add_static<keel::bulkhead>("bulkhead (2 read-modify-writes)");

    for_each_clock([]<class Clock>(const char* clock, std::type_identity<Clock>) {
        add(healthy, "by hand: timeout, retry, breaker", clock, std::make_shared<bench::by_hand<Clock>>(), called);
    });
    add(healthy, "the same, all but the first attempt out of line", "cached",
        std::make_shared<bench::by_hand<keel::cached_clock>>(),
        [](auto& p, int n) { return p.flat([n] { return work(n); }); });
    add_static_with_clocks<card>(std::string(card_text));
    for_each_clock([]<class Clock>(const char* clock, std::type_identity<Clock>) {
        using pipeline = keel::pipeline<std::remove_const_t<decltype(card)>, Clock>;
        add(healthy, "the same, configured at run time", clock, std::make_shared<pipeline>(card), called);
    });
    for_each_clock([]<class Clock>(const char* clock, std::type_identity<Clock>) {
        add(healthy, "the same, driven by hand: begin + success", clock,
            std::make_shared<keel::static_pipeline<card, Clock>>(), driven_by_hand);
    });

    add(healthy, "guides: breaker, mutex and deque", "steady", std::make_shared<bench::mutex_deque_breaker>(), called);
    add(healthy, "guides: breaker, mutex and counter", no_clock, std::make_shared<bench::mutex_counter_breaker>(),
        called);
    add(healthy, "guides: breaker, ring and one fetch_add", no_clock, std::make_shared<bench::ring_breaker>(), called);
}

// Permits come faster than they are asked for.
void add_limits() {
    using keel::rate_limit;
    constexpr int most = std::numeric_limits<int>::max();
    add_static_with_clocks<rate_limit({.rate = 1'000'000'000, .burst = most})>("rate_limit (1 read-modify-write)");
    add_static_with_clocks<rate_limit({.rate = 999'999'999, .burst = most})>(
        "rate_limit, odd intervals (1 read-modify-write)");
    add_static_with_clocks<rate_limit(keel::fixed_window{.limit = 1'000'000'000})>(
        "rate_limit, fixed window (1 read-modify-write)");
}

// A lock is a read-modify-write to take it and one to give it back.
void add_sharing() {
    using coalesce = keel::coalesce<const void*, int>;
    add(healthy, "coalesce, a key for each thread (2 locks)", no_clock, std::make_shared<coalesce>(),
        [](coalesce& c, int n) { return c(&own, [n] { return work(n); }); });
    for_each_clock([]<class Clock>(const char* clock, std::type_identity<Clock>) {
        struct cached_work {
            std::unordered_map<int, keel::cached<int>> store;
            keel::cache<std::unordered_map<int, keel::cached<int>>, Clock> cache{store,
                                                                                 {.ttl = std::chrono::hours(24)}};
        };
        add(healthy, "cache, a hit (1 lock)", clock, std::make_shared<cached_work>(),
            [](cached_work& c, int n) { return c.cache(n, [n] { return work(n); }); });
    });
}

// What a failure that is not retried costs a budget: a compare-and-swap and the sum of the shards.
void add_failures_of_a_budget() {
    using failing = keel::static_pipeline<keel::retry<keel::exp_jitter>.budgeted()>;
    add(
        unhealthy, "no budget left: failed std::expected (1 read-modify-write)", no_clock, std::make_shared<failing>(),
        [](failing& p, int n) { return p([n] { return bench::failing_work(n); }).has_value(); }, scale::all_threads);
    using plain = keel::static_pipeline<keel::retry<keel::exp_jitter>({.attempts = 1})>;
    add(
        unhealthy, "no attempt left: failed std::expected", no_clock, std::make_shared<plain>(),
        [](plain& p, int n) { return p([n] { return bench::failing_work(n); }).has_value(); }, scale::all_threads);
}

template <class Pipeline>
std::shared_ptr<Pipeline> tripped() {
    auto p = std::make_shared<Pipeline>();
    for (int i = 0; i < 1000 && p->circuit().state() != keel::circuit_state::open; ++i)
        static_cast<void>(p->attempt([]() -> int { throw 1; }));
    return p;
}

constexpr auto is_open = [](auto& p) { return p.circuit().state() == keel::circuit_state::open; };
constexpr auto is_closed = [](auto& p) { return p.circuit().state() == keel::circuit_state::closed; };

void add_unhealthy() {
    static constexpr auto quick =
        keel::timeout | keel::retry<keel::exp_jitter> |
        keel::breaker<keel::sliding_window>({.minimum_calls = 1, .open_for = std::chrono::hours(24)});
    for_each_clock([]<class Clock>(const char* clock, std::type_identity<Clock>) {
        using pipeline = keel::static_pipeline<quick, Clock>;
        add(unhealthy, "refused by the open circuit: attempt()", clock, tripped<pipeline>(), attempted,
            scale::all_threads, is_open);
        add(unhealthy, "refused by the open circuit: std::expected", clock, tripped<pipeline>(), as_expected,
            scale::all_threads, is_open);
        add(unhealthy, "refused by the open circuit: exception", clock, tripped<pipeline>(), as_exception,
            scale::all_threads, is_open);
    });

    static constexpr auto slow =
        keel::timeout | keel::rate_limit({.rate = 1, .per = std::chrono::hours(24), .burst = 1});
    for_each_clock([]<class Clock>(const char* clock, std::type_identity<Clock>) {
        auto limited = std::make_shared<keel::static_pipeline<slow, Clock>>();
        static_cast<void>(limited->attempt([] { return 0; }));
        add(unhealthy, "refused by rate_limit (no read-modify-write): attempt()", clock, limited, attempted);
    });

    // One thread: of two, one could find the only permit taken by the other.
    add(
        unhealthy, "bulkhead: a call, and one in it that is refused", no_clock,
        std::make_shared<keel::static_pipeline<keel::bulkhead({.permits = 1})>>(),
        [](auto& p, int n) INLINED { return p([&p, n] { return work(n) + attempted(p, n); }); }, scale::one_thread);

    // Every second call of a thread succeeds, so the window never consists of failures only and the circuit stays
    // closed.
    static constexpr auto patient =
        keel::timeout | keel::retry<keel::exp_jitter>({.attempts = 1}) |
        keel::breaker<keel::sliding_window>({.window = {.calls = 100}, .failure_rate = 1.0, .minimum_calls = 100});
    using failing = keel::static_pipeline<patient>;
    add(
        unhealthy, "one failed std::expected and one success: two calls", "steady", std::make_shared<failing>(),
        [](failing& p, int n) {
            const auto bad = p([n] { return bench::failing_work(n); });
            const auto good = p([n]() -> std::expected<int, std::error_code> { return work(n); });
            return good.has_value() && !bad.has_value();
        },
        scale::all_threads, is_closed);
    add(
        unhealthy, "one exception caught and one success: two calls", "steady", std::make_shared<failing>(),
        [](failing& p, int n) {
            int caught = 0;
            try {
                caught = p([n] { return bench::throwing_work(n); });
            } catch (int e) {
                caught = e;
            }
            return caught + p([n] { return work(n); });
        },
        scale::all_threads, is_closed);

    using answered = keel::static_pipeline<keel::fallback(0)>;
    add(unhealthy, "a failed std::expected, answered by fallback(0)", no_clock, std::make_shared<answered>(),
        [](answered& p, int n) { return p([n] { return bench::failing_work(n); }).has_value(); });
    add(unhealthy, "an exception, answered by fallback(0)", no_clock, std::make_shared<answered>(),
        [](answered& p, int n) { return p([n] { return bench::throwing_work(n); }); });
    // Next to none is picked, or every one.
    using spared = keel::static_pipeline<keel::chaos({.rate = 1e-12}).fault()>;
    add(unhealthy, "chaos, a call not picked (no read-modify-write)", no_clock, std::make_shared<spared>(), attempted);
    using seeded = keel::static_pipeline<keel::chaos({.rate = 1e-12, .seed = 1}).fault()>;
    add(unhealthy, "chaos with a seed, a call not picked (1 read-modify-write)", no_clock, std::make_shared<seeded>(),
        attempted);
    using faulty = keel::static_pipeline<keel::chaos({.rate = 1}).fault()>;
    add(unhealthy, "chaos, an injected fault (1 read-modify-write)", no_clock, std::make_shared<faulty>(), attempted);
    using covered = keel::static_pipeline<keel::fallback(0) | quick, keel::cached_clock>;
    add(unhealthy, "refused by the open circuit, answered by fallback(0)", "cached", tripped<covered>(), called,
        scale::all_threads, is_open);
    // Nothing was ever accepted, so all but one call in thousands are left out.
    using throttled = keel::static_pipeline<keel::throttle({.span = std::chrono::hours(24)}), keel::cached_clock>;
    const auto throttles = std::make_shared<throttled>();
    for (int i = 0; i < 10'000; ++i)
        static_cast<void>(throttles->attempt([]() -> int { throw 1; }));
    add(unhealthy, "left out by the throttle: attempt()", "cached", throttles,
        [](throttled& p, int n) { return p.attempt([n]() -> int { throw n; }).has_value(); });

    // One thread: a cycle is a sequence of states, which two threads would mix up.
    struct cycle {
        keel::manual_clock time;
        keel::static_pipeline<keel::breaker<keel::consecutive_failures>(
                                  {.window = {.failures = 1}, .open_for = 1s, .half_open_calls = 1}),
                              keel::manual_clock>
            pipeline{time};
        keel::circuit<keel::consecutive_failures, keel::manual_clock>& circuit() { return pipeline.circuit(); }
    };
    add(
        unhealthy, "trip, open period over, half-open, probe, closed: two calls", "manual", std::make_shared<cycle>(),
        [](cycle& c, int n) {
            const auto bad = c.pipeline([n] { return bench::failing_work(n); });
            c.time.advance(2s);
            const auto good = c.pipeline([n]() -> std::expected<int, std::error_code> { return work(n); });
            return good.has_value() && !bad.has_value();
        },
        scale::one_thread, is_closed);
}

// By a clock that costs nothing to read.
void add_deadlines() {
    const auto clock = std::make_shared<keel::manual_clock>();
    add(headers, "to_grpc_timeout, 5 s", no_clock, clock, [](keel::manual_clock& c, int n) {
        return keel::to_grpc_timeout(keel::context(c.now() + 5s + keel::nanos(n), c))->view().size();
    });
    add(headers, "from_grpc_timeout, \"5000000u\"", no_clock, clock, [](keel::manual_clock& c, int) {
        std::string_view header = "5000000u";
        benchmark::DoNotOptimize(header);
        return keel::from_grpc_timeout(header, c)->deadline();
    });
}

} // namespace

int main(int argc, char** argv) {
    const bench::second_thread idle;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    keel::cached_clock::update();
    add_healthy();
    add_limits();
    add_sharing();
    add_unhealthy();
    add_failures_of_a_budget();
    add_deadlines();
    benchmark::RunSpecifiedBenchmarks(&results);
    std::fputc('\n', stderr);
    results.print(raw_call, one_fetch_add, flags);
    benchmark::Shutdown();
    return results.failed() ? 1 : 0;
}
