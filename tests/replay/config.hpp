#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "trace.hpp"

#include <keel/circuit.hpp>
#include <keel/window/sliding_time_window.hpp>
#include <keel/window/sliding_window.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace replay {

/// What keel must be told to behave as the recorded circuit breaker did.
template <class Window>
keel::breaker_config<Window> config_of(const trace& t) {
    keel::breaker_config<Window> c{};
    if constexpr (requires { c.window.calls; })
        c.window.calls = t.size;
    else
        c.window = {.span = std::chrono::seconds(t.size), .buckets = t.size};
    c.failure_rate = t.failure_rate / 100;
    c.minimum_calls = t.minimum_calls;
    // A limit beyond any that keel takes is one that no call reaches.
    c.slow_call.longer_than = keel::nanos(t.slow_after) > keel::longest ? keel::never : keel::nanos(t.slow_after);
    c.slow_call.rate = t.slow_rate / 100;
    c.open_for = t.open_for;
    c.half_open_calls = t.probes;
    c.half_open_max_wait = t.half_open_for.count() > 0 ? keel::nanos(t.half_open_for) : keel::longest;
    c.growth.jitter = 0;
    return c;
}

/// Calls `run` with the config for the smallest of some windows that is large enough: every failure of a count window
/// has its place, so that the counts are exact also where nothing trips.
template <class Run>
auto with_config(const trace& t, Run run) {
    const auto tried = [&]<std::size_t... Sizes>(std::index_sequence<Sizes...>, auto make) {
        decltype(run(make.template operator()<1>())) result {};
        bool done = false;
        const auto attempt = [&]<std::size_t Size>() {
            if (done || (static_cast<std::size_t>(t.size) > Size && Size != std::max({Sizes...}))) return;
            result = run(make.template operator()<Size>());
            done = true;
        };
        (attempt.template operator()<Sizes>(), ...);
        return result;
    };
    if (t.window == 'C')
        return tried(std::index_sequence<256, 8192, 1 << 20>{}, [&]<std::size_t Size>() {
            return config_of<keel::basic_sliding_window<{.shards = 1, .failures = Size}>>(t);
        });
    return tried(std::index_sequence<64, 1024, 1 << 16>{}, [&]<std::size_t Size>() {
        return config_of<keel::basic_sliding_time_window<{.shards = 1, .buckets = Size}>>(t);
    });
}

/// Why keel does not take a config, as its own check puts it; empty where it does.
template <class Window>
std::string refused_config(const keel::breaker_config<Window>& config) {
    const keel::config_error e = config.validate();
    return e ? std::string(e.field) + " " + e.range : "";
}

constexpr char letter(keel::circuit_state s) {
    constexpr char letters[] = {'C', 'O', 'H', 'F', 'D', 'M'};
    return letters[static_cast<std::size_t>(s)];
}

/// Does what a record says that was done by hand.
template <class Circuit>
void set_by_hand(Circuit& c, const std::string& op) {
    if (op == "MF") c.force_open();
    if (op == "MD") c.disable();
    if (op == "MM") c.metrics_only();
    if (op == "MC") c.close();
    if (op == "MR") c.reset();
    if (op == "MO") c.open();
    if (op == "MH") c.half_open();
}

/// How state and counts differ from those recorded; empty where they do not. Resilience4j's counts in the open state
/// go on to change, keel's stay what they were.
inline std::string difference_of(const keel::circuit_stats& s, const record& r) {
    std::string wrong;
    const auto expect = [&](const char* what, auto is, auto recorded) {
        if (is != recorded)
            wrong += std::string(" ") + what + " " + std::to_string(is) + " instead of " + std::to_string(recorded);
    };
    if (letter(s.state) != r.state) wrong = std::string(" state ") + letter(s.state) + " instead of " + r.state;
    if (std::string_view("CHM").find(r.state) == std::string_view::npos) return wrong;
    expect("buffered", s.window.calls, r.buffered);
    expect("failed", s.window.failed, r.failed);
    expect("slow", s.window.slow, r.slow);
    expect("slow failed", s.window.slow_failed, r.slow_failed);
    // Recorded are single precision, and -1 where there are fewer than the minimum.
    const auto expect_rate = [&](const char* what, double is, double recorded) {
        if (recorded >= 0 && !(is - recorded < 1e-4 && recorded - is < 1e-4)) expect(what, is, recorded);
    };
    expect_rate("failure rate", 100 * s.failure_rate, r.failure_rate);
    expect_rate("slow rate", 100 * s.slow_rate, r.slow_rate);
    return wrong;
}

} // namespace replay
