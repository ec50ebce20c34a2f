// SPDX-License-Identifier: BSL-1.0
// Prints every default of the code as `page field value`, in the notation of the tables in docs/policies; check.py
// holds the tables to it. A field that is not listed here makes this fail.

#include <keel/cache.hpp>
#include <keel/keel.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

namespace {

int failed = 0;

struct anything {
    template <class T>
    operator T() const;
};
template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
    return requires { T{(static_cast<void>(I), anything{})...}; };
}
/// How many members an aggregate has.
template <class T, std::size_t N = 0>
constexpr std::size_t members() {
    if constexpr (takes<T>(std::make_index_sequence<N + 1>()))
        return members<T, N + 1>();
    else
        return N;
}

std::string text(bool value) { return value ? "true" : "false"; }
std::string text(int value) { return std::to_string(value); }
std::string text(std::uint64_t value) { return std::to_string(value); }
std::string text(const void* value) { return value == nullptr ? "null" : "set"; }
std::string text(double value) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%g", value);
    return digits;
}
std::string text(keel::late_success value) {
    return value == keel::late_success::fail ? "late_success::fail" : "late_success::keep";
}
std::string text(keel::nanos value) {
    if (value == keel::never) return "never";
    constexpr std::pair<const char*, std::int64_t> units[] = {
        {" min", 60'000'000'000}, {" s", 1'000'000'000}, {" ms", 1'000'000}, {" us", 1'000}};
    for (const auto& [unit, length] : units) {
        // Below two minutes in seconds: that is how one speaks of it.
        if (value.count % length == 0 && value.count != 0 && (length < 60'000'000'000 || value.count >= 2 * length))
            return std::to_string(value.count / length) + unit;
    }
    return std::to_string(value.count) + " ns";
}

/// The members of one type on one page, in order.
template <class T>
class listed {
  public:
    listed(const char* page, const char* prefix)
      : page_(page)
      , prefix_(prefix) {}
    ~listed() {
        if (count_ == members<T>()) return;
        std::printf("FAIL %s: %s of %zu members, %zu are listed\n", page_, prefix_, members<T>(), count_);
        ++failed;
    }
    template <class V>
    listed& operator()(const char* field, V value) {
        std::printf("%s %s%s %s\n", page_, prefix_, field, text(value).c_str());
        return nested();
    }
    /// A member that has a list of its own.
    listed& nested() { return ++count_, *this; }

  private:
    const char* page_;
    const char* prefix_;
    std::size_t count_ = 0;
};

template <class Backoff>
constexpr bool alike(const keel::exp_jitter& e) {
    constexpr Backoff b;
    if constexpr (requires { b.factor; } && !std::same_as<Backoff, keel::decorrelated_jitter>) {
        if (b.factor != e.factor) return false;
    }
    return b.base == e.base && b.cap == e.cap;
}

template <class Config>
void list_recovery(listed<Config>& list, const Config& c) {
    list("open_for", c.open_for)("half_open_calls", c.half_open_calls)("half_open_max_wait", c.half_open_max_wait)
        .nested()
        .nested();
}

} // namespace

int main() {
    const keel::timeout_config timeout = keel::timeout.config;
    listed<keel::timeout_config>("timeout", "")("after", timeout.after)("late_success", timeout.late_success);

    const keel::hedge_config hedge = keel::hedge.config;
    listed<keel::hedge_config>("hedge", "")("delay", hedge.delay)("percentile", hedge.percentile)("extra", hedge.extra)(
        "budget", static_cast<const void*>(hedge.budget));

    const keel::bulkhead_config bulkhead = keel::bulkhead.config;
    listed<keel::bulkhead_config>("bulkhead", "")("permits", bulkhead.permits)("max_wait", bulkhead.max_wait);

    const keel::cache_config cache;
    listed<keel::cache_config>("cache", "")("ttl", cache.ttl);

    const auto retry = keel::retry<>.config;
    static_assert(std::same_as<decltype(retry.backoff), keel::exp_jitter>);
    listed<std::remove_const_t<decltype(retry)>>("retry", "")("attempts", retry.attempts)("when_open", retry.when_open)
        .nested();
    listed<keel::exp_jitter>("retry", "backoff.")("base", retry.backoff.base)("factor", retry.backoff.factor)(
        "cap", retry.backoff.cap);

    const keel::retry_budget_config budget;
    listed<keel::retry_budget_config>("retry", "retry_budget::")("max_tokens", budget.max_tokens)("ratio",
                                                                                                  budget.ratio);

    listed<keel::constant>("retry", "constant::")("every", keel::constant{}.every);
    listed<keel::linear>("retry", "linear::")("step", keel::linear{}.step).nested().nested();
    listed<keel::decorrelated_jitter>("retry", "decorrelated_jitter::")("factor", keel::decorrelated_jitter{}.factor)
        .nested()
        .nested();
    // What else they have is as in exp_jitter.
    static_assert(alike<keel::equal_jitter>(keel::exp_jitter{}) && alike<keel::exponential>(keel::exp_jitter{}));
    static_assert(alike<keel::linear>(keel::exp_jitter{}) && alike<keel::fibonacci>(keel::exp_jitter{}));
    static_assert(alike<keel::decorrelated_jitter>(keel::exp_jitter{}));

    const auto breaker = keel::breaker<>.config;
    static_assert(std::same_as<decltype(breaker.window), keel::sliding_window>);
    {
        listed<std::remove_const_t<decltype(breaker)>> list("breaker", "");
        list("failure_rate", breaker.failure_rate)("minimum_calls", breaker.minimum_calls).nested();
        list_recovery(list, breaker);
    }
    listed<keel::sliding_window>("breaker", "window.")("calls", breaker.window.calls);
    listed<keel::open_period_growth>("breaker", "growth.")("factor", breaker.growth.factor)("cap", breaker.growth.cap)(
        "jitter", breaker.growth.jitter);
    listed<keel::slow_call_config>("breaker", "slow_call.")("longer_than", breaker.slow_call.longer_than)(
        "rate", breaker.slow_call.rate);
    const keel::sliding_time_window span;
    listed<keel::sliding_time_window>("breaker", "window.")("span", span.span)("buckets", span.buckets);
    const keel::consecutive_failures row;
    listed<keel::consecutive_failures>("breaker", "window.")("failures", row.failures);

    // The same for every window.
    const auto of_row = keel::breaker<keel::consecutive_failures>.config;
    {
        listed<std::remove_const_t<decltype(of_row)>> list("breaker", "");
        list.nested();
        list_recovery(list, of_row);
    }

    const keel::gcra rate = keel::rate_limit.limit;
    listed<keel::gcra>("rate_limit", "")("rate", rate.rate)("per", rate.per)("burst", rate.burst)("max_wait",
                                                                                                  rate.max_wait);
    const keel::fixed_window window;
    listed<keel::fixed_window>("rate_limit", "fixed_window::")("limit", window.limit)("period", window.period)(
        "max_wait", window.max_wait);
    const keel::chaos_config chaos = keel::chaos.config;
    listed<keel::chaos_config>("chaos", "")("rate", chaos.rate)("enabled", chaos.enabled)("seed", chaos.seed);
    const keel::throttle_config throttle = keel::throttle.config;
    listed<keel::throttle_config>("throttle", "")("k", throttle.k)("span", throttle.span)("max_probability",
                                                                                          throttle.max_probability);

    const keel::limit_config<> limit = keel::limit<>.config;
    listed<keel::limit_config<>>("limit", "")("min", limit.min)("initial", limit.initial)("max", limit.max)(
        "window", limit.window)("minimum_calls", limit.minimum_calls)("failure_rate", limit.failure_rate)
        .nested();
    const keel::gradient gradient = limit.strategy;
    listed<keel::gradient>("limit", "gradient::")("tolerance", gradient.tolerance)("smoothing", gradient.smoothing)(
        "long_windows", gradient.long_windows)("probe_every", gradient.probe_every);
    const keel::aimd aimd;
    listed<keel::aimd>("limit", "aimd::")("increase", aimd.increase)("backoff", aimd.backoff);
    return failed == 0 ? 0 : 1;
}
