#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "support/naive_config.hpp"

#include <keel/circuit_config.hpp>
#include <keel/duration.hpp>
#include <keel/window/consecutive_failures.hpp>
#include <keel/window/sliding_time_window.hpp>
#include <keel/window/sliding_window.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <variant>

// Bytes become a circuit, for keel and for the naive model. Random tests make the bytes up, the fuzzer breeds them.

namespace fuzz {

using duration = std::chrono::nanoseconds;

/// Of each window one that is large enough, and one at the edge of its capacities. Few shards, to be read sooner.
using count_window = keel::basic_sliding_window<{.shards = 2, .failures = 40}>;
using small_count_window = keel::basic_sliding_window<{.shards = 1, .failures = 8}>;
using time_window = keel::basic_sliding_time_window<{.shards = 2, .buckets = 16}>;
using small_time_window = keel::basic_sliding_time_window<{.shards = 1, .buckets = 3}>;
using overdue_count_window = keel::basic_sliding_window<{.shards = 2, .failures = 40, .count_overdue = true}>;
using overdue_time_window = keel::basic_sliding_time_window<{.shards = 2, .count_overdue = true}>;
using overdue_row = keel::basic_consecutive_failures<{.count_overdue = true, .shards = 1}>;

template <class Window>
using config_of = keel::breaker_config<Window>;
using any_config =
    std::variant<config_of<count_window>, config_of<small_count_window>, config_of<time_window>,
                 config_of<small_time_window>, config_of<keel::consecutive_failures>, config_of<overdue_count_window>,
                 config_of<overdue_time_window>, config_of<overdue_row>>;

struct setup {
    any_config config;
    bool express = false; // by the hooks of a breaker, on the express lane where that takes them; else by permits
    bool threads = false; // of hooks: three threads take turns, of which one or two have a shard of their own
    int before_wrap = 0;  // generations until their numbers begin anew; 0 if there are all of them
    keel::time_point start{};
    duration longest_wait{}; // of all together: what the circuit's word and its buckets can tell apart
};

/// A stream that goes on with zeros.
class bytes {
  public:
    explicit bytes(std::span<const std::uint8_t> from)
      : from_(from) {}
    bool empty() const { return from_.empty(); }
    unsigned next() {
        if (from_.empty()) return 0;
        const unsigned b = from_[0];
        from_ = from_.subspan(1);
        return b;
    }
    /// In [low, high].
    int number(int low, int high) { return low + static_cast<int>(next()) % (high - low + 1); }
    double rate() { return number(1, 100) / 100.0; }
    template <class T, std::size_t N>
    T one_of(const T (&values)[N]) {
        return values[next() % N];
    }

  private:
    std::span<const std::uint8_t> from_;
};

namespace detail {

using namespace std::chrono_literals;

template <class Window>
duration bucket_of(const config_of<Window>& c) {
    if constexpr (requires { c.window.span; })
        return duration(c.window.bucket_length());
    else
        return 1s;
}

/// An eighth of the limit: keel's time, where calls are counted that are under way.
template <class Window>
duration eighth_of(const config_of<Window>& c) {
    return duration((c.slow_call.longer_than.count + 7) / 8);
}

template <class Window>
setup setup_of(bytes& in) {
    config_of<Window> c{};
    if constexpr (requires { c.window.calls; }) {
        c.window.calls = in.number(1, std::is_same_v<Window, small_count_window> ? 12 : 40);
        c.failure_rate = in.rate();
    } else if constexpr (requires { c.window.span; }) {
        c.window.buckets = in.number(1, std::is_same_v<Window, small_time_window> ? 3 : 16);
        c.window.span = in.one_of<duration>({1ns, 10ns, 1ms, 7ms, 1s, 1min}) * c.window.buckets;
        c.failure_rate = in.rate();
    } else {
        c.window.failures = in.number(1, 6);
    }
    const double slow_rate = in.rate();
    if constexpr (Window::by_rate) {
        c.minimum_calls = in.number(1, 12);
        c.slow_call.rate = slow_rate;
    }
    if (const int timed = in.number(0, 1); timed == 1 || Window::counts_overdue)
        c.slow_call.longer_than = in.one_of<duration>({1ns, 10ns, 1ms, 7ms, 1s, 1min});
    c.open_for = in.one_of<duration>({1ns, 10ns, 1ms, 7ms, 1s, 30s, 24h, 24h * 365});
    const unsigned probes = in.next();
    c.half_open_calls = 1 + static_cast<int>(probes % (probes < 192 ? 5 : 63));
    c.half_open_max_wait = in.one_of<keel::nanos>({1ns, 10ns, 1ms, 7ms, 10s, 24h, keel::longest});
    c.growth.factor = in.one_of({1.0, 1.0, 1.5, 2.0, 10.0, 100.0});
    c.growth.jitter = in.one_of({0.0, 0.0, 0.1, 1.0});
    c.growth.cap = keel::nanos(std::min<duration>(duration(c.open_for) * in.number(1, 50), 24h * 365));
    if constexpr (std::is_same_v<Window, small_count_window>) {
        // Where more failures than have a place would trip it, lower rates are reached by fewer.
        while (c.validate()) {
            c.failure_rate /= 2;
            c.slow_call.rate /= 2;
        }
    }

    const unsigned way = in.next();
    setup s{.config = c, .express = way % 2 == 1, .threads = way / 2 % 2 == 1};
    // By permits it would take a million changes by hand.
    if (s.express && way / 4 % 4 == 3) s.before_wrap = 1 + static_cast<int>(way / 16 % 8);
    const std::int64_t bucket = bucket_of(c).count();
    constexpr std::int64_t wrap = std::int64_t{1} << 32, five_years = 24LL * 365 * 5 * 3'600'000'000'000;
    s.longest_wait = duration(bucket < five_years / (wrap / 2) ? bucket * (wrap / 2) : five_years);
    const std::int64_t epochs = bucket < INT64_MAX / 2 / wrap ? bucket * wrap : bucket * 3;
    const std::int64_t eighths = Window::counts_overdue ? eighth_of(c).count() * 0xfff0 : 1'000'000'007;
    s.start = keel::time_point(duration(in.one_of({
        std::int64_t{0}, eighths,                // their numbers wrap
        (std::int64_t{1} << 58) - bucket * 3,    // the word's time wraps
        epochs - bucket * 2,                     // a bucket's epoch wraps
        std::int64_t{432'731'335'727'541},       // some days after a machine was started
        std::int64_t{1'800'000'000'000'000'000}, // some decades after 1970
    })));
    return s;
}

/// The same for the naive circuit.
template <class Window>
support::naive_config naive_config_of(const config_of<Window>& c) {
    support::naive_config n{.open_for = c.open_for,
                            .probes = static_cast<std::size_t>(c.half_open_calls),
                            .probe_wait = c.half_open_max_wait,
                            .growth = c.growth.factor,
                            .jitter = c.growth.jitter,
                            .longest_grown = c.growth.cap};
    n.counts_overdue = Window::counts_overdue;
    if (c.slow_call.counts()) n.slow_after = c.slow_call.longer_than;
    if constexpr (Window::by_rate) {
        n.minimum = static_cast<std::size_t>(c.minimum_calls);
        n.failure_rate = c.failure_rate;
        n.slow_rate = c.slow_call.rate;
    }
    if constexpr (requires { c.window.calls; }) {
        n.calls = static_cast<std::size_t>(c.window.calls);
        if constexpr (std::is_same_v<Window, small_count_window>) n.remembered = 8; // its places
    } else if constexpr (requires { c.window.span; }) {
        n.counts = support::naive_config::window::last_time;
        n.bucket = bucket_of(c);
        n.buckets = c.window.buckets;
    } else {
        n.counts = support::naive_config::window::in_a_row;
        n.calls = static_cast<std::size_t>(c.window.failures);
    }
    return n;
}

} // namespace detail

inline setup setup_of(bytes& in) {
    const unsigned kind = in.next();
    if (kind / 5 % 2 == 1) {
        if (kind % 5 < 2) return detail::setup_of<overdue_count_window>(in);
        if (kind % 5 < 4) return detail::setup_of<overdue_time_window>(in);
        return detail::setup_of<overdue_row>(in);
    }
    switch (kind % 5) {
    case 0:
        return detail::setup_of<count_window>(in);
    case 1:
        return detail::setup_of<small_count_window>(in);
    case 2:
        return detail::setup_of<time_window>(in);
    case 3:
        return detail::setup_of<small_time_window>(in);
    default:
        return detail::setup_of<keel::consecutive_failures>(in);
    }
}

inline std::string text_of(duration d) { return std::to_string(d.count()) + " ns"; }

inline std::string text_of(const setup& s) {
    return std::visit(
        [&]<class Window>(const config_of<Window>& c) {
            std::string t;
            if constexpr (requires { c.window.calls; })
                t = "the last " + std::to_string(c.window.calls) + " calls";
            else if constexpr (requires { c.window.span; })
                t = "the last " + std::to_string(c.window.buckets) + " buckets of " + text_of(detail::bucket_of(c));
            else
                t = std::to_string(c.window.failures) + " failures in a row";
            if constexpr (Window::by_rate)
                t += ", failure_rate " + std::to_string(c.failure_rate) + ", minimum_calls " +
                     std::to_string(c.minimum_calls);
            if constexpr (Window::counts_overdue) t += ", counting overdue calls";
            if (c.slow_call.counts())
                t += ", slow_call longer_than " + text_of(c.slow_call.longer_than) + " rate " +
                     std::to_string(c.slow_call.rate);
            t += ", open_for " + text_of(c.open_for) + ", half_open_calls " + std::to_string(c.half_open_calls) +
                 ", half_open_max_wait " + text_of(c.half_open_max_wait) + ", growth factor " +
                 std::to_string(c.growth.factor) + " cap " + text_of(c.growth.cap) + " jitter " +
                 std::to_string(c.growth.jitter);
            t += std::string(s.express ? "; by hooks" : "; by permits") +
                 (s.express && s.threads ? " of three threads" : "");
            if (s.before_wrap > 0) t += ", " + std::to_string(s.before_wrap) + " generations before they wrap";
            return t + ", begun at " + text_of(s.start.time_since_epoch());
        },
        s.config);
}

} // namespace fuzz
