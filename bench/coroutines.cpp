// SPDX-License-Identifier: BSL-1.0

#include "second_thread.hpp"
#include "table.hpp"
#include "work.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

#include <benchmark/benchmark.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <variant>

namespace asio = boost::asio;
using asio::awaitable;
using bench::work;

#if !defined(__OPTIMIZE__) || !defined(NDEBUG)
#error "the benchmarks mean something only with -O3 -DNDEBUG"
#endif

namespace {

constexpr const char* flags = "-std=c++23 -O3 -DNDEBUG";
constexpr const char* raw_call = "co_await of the coroutine";
constexpr const char* one_fetch_add = "one fetch_add, uncontended";
constexpr const char* not_suspended = "A coroutine that is not suspended";
constexpr const char* suspended = "A coroutine that is suspended once, by asio::post";

keel::static_pipeline<keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>> bare;
keel::static_pipeline<keel::timeout | keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>> bounded;
keel::static_pipeline<keel::hedge | keel::breaker<keel::sliding_window>> hedged;
keel::static_pipeline<keel::hedge({.percentile = 0.95}) | keel::breaker<keel::sliding_window>> measured;

awaitable<int> at_once(int n) { co_return work(n); }
awaitable<int> soon(int n) {
    co_await asio::post(asio::deferred);
    co_return work(n);
}

// Deadlines without keel.
awaitable<int> beside_a_timer(int n) {
    asio::steady_timer deadline(co_await asio::this_coro::executor, std::chrono::seconds(1));
    deadline.async_wait([](auto) {});
    co_return co_await soon(n);
}
awaitable<int> or_a_timer(int n) {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer deadline(co_await asio::this_coro::executor, std::chrono::seconds(1));
    const auto first = co_await (soon(n) || deadline.async_wait(asio::use_awaitable));
    co_return std::get<0>(first);
}

bench::table results;

template <class Call>
awaitable<void> repeat(benchmark::State& state, Call call) {
    int n = 1;
    benchmark::DoNotOptimize(n);
    for (int i = 0; i < 1000; ++i)
        co_await call(n);
    for (auto _ : state) {
        const int r = co_await call(n);
        benchmark::DoNotOptimize(r);
    }
}

template <class Call>
void add(const char* group, const std::string& name, Call call) {
    for (const bool in_strand : {false, true}) {
        const std::string id =
            std::string(group == suspended ? "suspended: " : "") + name + (in_strand ? " @strand" : "");
        results.add({id, group, name, in_strand ? "strand" : "-"});
        benchmark::RegisterBenchmark(id.c_str(), [call, in_strand](benchmark::State& state) {
            asio::io_context context;
            if (in_strand)
                asio::co_spawn(asio::make_strand(context), repeat(state, call), asio::detached);
            else
                asio::co_spawn(context, repeat(state, call), asio::detached);
            context.run();
        })->UseRealTime();
    }
}

template <class Attempt>
void add_calls(const char* group, Attempt attempt) {
    add(group, raw_call, attempt);
    add(group, "through retry<exp_jitter> | breaker<sliding_window>",
        [=](int n) { return keel::async(bare, attempt, n); });
    add(group, "through timeout | retry<exp_jitter> | breaker<sliding_window>",
        [=](int n) { return keel::async(bounded, attempt, n); });
    add(group, "through hedge | breaker<sliding_window>", [=](int n) { return keel::async(hedged, attempt, n); });
}

void add_all() {
    add_calls(not_suspended, at_once);
    // Of what takes microseconds, every twentieth would be hedged.
    add(not_suspended, "through hedge by percentile | breaker<sliding_window>",
        [](int n) { return keel::async(measured, at_once, n); });
    add_calls(suspended, soon);
    add(suspended, "that, and a steady_timer is armed and destroyed", beside_a_timer);
    add(suspended, "that || a steady_timer, right in a strand only", or_a_timer);

    results.add({one_fetch_add, "To compare with", one_fetch_add, "-"});
    benchmark::RegisterBenchmark(one_fetch_add, [](benchmark::State& state) {
        static std::atomic<std::uint64_t> count{0};
        for (auto _ : state)
            benchmark::DoNotOptimize(count.fetch_add(1, std::memory_order_relaxed));
    })->UseRealTime();
}

} // namespace

int main(int argc, char** argv) {
    const bench::second_thread idle;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    add_all();
    benchmark::RunSpecifiedBenchmarks(&results);
    results.print(raw_call, one_fetch_add, flags);
    benchmark::Shutdown();
    return results.failed() ? 1 : 0;
}
