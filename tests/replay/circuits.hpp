#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "config.hpp"
#include "support/hand_driven.hpp"
#include "trace.hpp"

#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace replay {

/// What keel made of a record otherwise than Resilience4j; empty where it agrees.
struct difference {
    std::size_t record = 0;
    std::string what;
};

/// Feeds the first `records` of a trace to a circuit through the hooks of a breaker, calls in flight and all. Express:
/// by the healthy path where that takes them, and with the counts after each record. Otherwise by the cold one alone,
/// and after each record it is counted how many more probes the circuit lets out, and whether it says that it refuses.
template <class Window, bool Express>
difference by_hooks(const trace& t, std::size_t records, const keel::breaker_config<Window>& config) {
    // The largest windows are too large for the stack.
    const auto owned = std::make_unique<support::hand_driven<Window, Express>>(config, t.start);
    auto& c = *owned;
    std::map<std::int64_t, typename support::hand_driven<Window, Express>::permit> calls;
    std::int64_t probes_left = 0;
    keel::time_point opened{};
    char before = 'C';
    for (std::size_t i = 0; i < records; ++i) {
        const record& r = t.records[i];
        if (r.op == "V") {
            c.clock.advance(keel::nanos(r.b));
        } else if (r.op == "A") {
            const auto p = c.ask();
            if (p.has_value() != (r.b == 1)) return {i, p ? "keel lets the call through" : "keel refuses the call"};
            if (p) calls[r.a] = *p;
        } else if (r.by_hand()) {
            set_by_hand(c.circuit, r.op);
        } else {
            c.end(calls.at(r.a), r.op == "S"   ? keel::ending::succeeded
                                 : r.op == "F" ? keel::ending::failed
                                               : keel::ending::ignored);
            calls.erase(r.a);
        }
        if (const char state = letter(c.state()); state != r.state)
            return {i, std::string("keel is in state ") + state};
        if (r.state == 'O' && (before != 'O' || r.by_hand())) opened = c.clock.now();
        if (r.state == 'H' && (before != 'H' || r.by_hand())) probes_left = t.probes;
        if (r.state == 'H') {
            if (r.op == "A") probes_left -= r.b;
            if (r.op == "R" && before == 'H') ++probes_left;
        }
        before = r.state;
        if constexpr (Express) {
            if (const std::string wrong = difference_of(c.circuit.stats(), r); !wrong.empty())
                return {i, "keel differs in" + wrong};
        } else {
            if (r.state == 'O' && c.refuses() != (c.clock.now() < opened + keel::nanos(t.open_for)))
                return {i, "keel is wrong on whether it would refuse"};
            if (r.state == 'H' && c.room() != probes_left)
                return {i, "keel has room for " + std::to_string(c.room()) + " more probes, not for " +
                               std::to_string(probes_left)};
        }
    }
    return {};
}

/// Whether calls end in the opposite order of their beginning.
inline bool calls_are_nested(const trace& t, std::size_t records) {
    std::vector<std::int64_t> calls;
    for (std::size_t i = 0; i < records; ++i) {
        const record& r = t.records[i];
        if (r.op == "A" && r.b == 1) calls.push_back(r.a);
        if (!r.ends_call()) continue;
        if (calls.empty() || calls.back() != r.a) return false;
        calls.pop_back();
    }
    return true;
}

struct released {};
struct given_up {};

/// Feeds the same to a pipeline: the records between the beginning of a call and its end are what the function does.
/// Only where `calls_are_nested`.
template <class Window>
class by_pipeline {
  public:
    by_pipeline(const trace& t, std::size_t records, const keel::breaker_config<Window>& config)
      : trace_(t)
      , records_(records)
      , pipeline_(keel::breaker<Window>(config).template ignoring<released>(), clock_) {
        clock_.set(keel::time_point(t.start));
    }
    by_pipeline(const by_pipeline&) = delete;
    by_pipeline& operator=(const by_pipeline&) = delete;

    difference run() {
        try {
            play(-1);
        } catch (const given_up&) {
        }
        if (difference_.what.empty() && at_ != records_) difference_ = {at_, "the replay stopped here"};
        return difference_;
    }

  private:
    using result = std::expected<int, std::error_code>;
    using pipeline =
        keel::pipeline<keel::detail::chain_of<decltype(keel::breaker<Window>.template ignoring<released>())>,
                       keel::manual_clock>;

    /// Plays records until the one that ends call `me`, which is left to the caller to compare.
    const record* play(std::int64_t me) {
        while (at_ < records_) {
            const record& r = trace_.records[at_];
            if (r.ends_call()) {
                if (r.a != me) differ("this trace's calls are not nested");
                return &r;
            }
            if (r.op == "V")
                clock_.advance(keel::nanos(r.b));
            else if (r.by_hand())
                set_by_hand(pipeline_.circuit(), r.op);
            else
                begin(r);
            compare(trace_.records[at_]);
            ++at_;
        }
        return nullptr;
    }

    void begin(const record& r) {
        bool invoked = false;
        bool refused = false;
        try {
            const result outcome = pipeline_([&]() -> result {
                invoked = true;
                if (r.b != 1) differ("keel lets the call through");
                compare(r);
                ++at_;
                const record* end = play(r.a);
                if (end == nullptr || end->op == "R") throw released{};
                if (end->op == "F") return std::unexpected(std::make_error_code(std::errc::io_error));
                return 1;
            });
            refused = !outcome && outcome.error() == keel::errc::circuit_open;
        } catch (const released&) {
        }
        if (at_ == records_) throw given_up{}; // the trace ended, or keel's part of it, with this call in flight
        if (refused == invoked) differ("keel refuses a call that it has made");
        if (refused && r.b == 1) differ("keel refuses the call");
    }

    void compare(const record& r) {
        const std::string wrong = difference_of(pipeline_.circuit().stats(), r);
        if (!wrong.empty()) differ("keel differs in" + wrong);
    }

    [[noreturn]] void differ(const std::string& what) {
        if (difference_.what.empty()) difference_ = {at_, what};
        at_ = records_;
        throw given_up{};
    }

    const trace& trace_;
    std::size_t records_;
    std::size_t at_ = 0;
    difference difference_;
    keel::manual_clock clock_;
    pipeline pipeline_;
};

} // namespace replay
