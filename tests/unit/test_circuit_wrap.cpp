// SPDX-License-Identifier: BSL-1.0
#include "support/hand_driven.hpp"

#include <keel/breaker.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::ending;

namespace {
using circuit = support::hand_driven<keel::consecutive_failures>;
constexpr std::uint64_t all_generations = keel::detail::circuit_word::generation_mask + 1;
constexpr keel::breaker_config<keel::consecutive_failures> quick{
    .window = {.failures = 1}, .open_for = 1s, .half_open_calls = 1, .growth = {.jitter = 0}};

struct few_generations : keel::std_atomics {
    static constexpr unsigned generation_bits = 2;
};

/// Generations go by: each of these begins one.
void pass(circuit& c, std::uint64_t generations) {
    for (std::uint64_t i = 0; i < generations; ++i)
        c.circuit.close();
}
} // namespace

TEST_CASE("a result is dropped in every generation but its own, until their number comes round") {
    circuit c(quick);
    const auto old = c.ask();
    pass(c, 1);
    c.fail(*old);
    pass(c, all_generations - 2);
    c.fail(*old);
    CHECK(c.state() == circuit_state::closed);
    CHECK(c.circuit.stats().totals.late == 2);
    pass(c, 1);
    c.fail(*old);
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("a circuit trips, probes and recovers across the wrap of its generations") {
    circuit c(quick);
    pass(c, all_generations - 7);
    for (int i = 0; i < 7; ++i) {
        const auto old = c.ask();
        CHECK(c.fail());
        CHECK(c.state() == circuit_state::open);
        CHECK(!c.ask());
        c.clock.advance(1s);
        const auto probe = c.ask();
        REQUIRE(probe);
        CHECK(!c.ask());
        c.fail(*old);
        CHECK(c.state() == circuit_state::half_open);
        c.succeed(*probe);
        CHECK(c.state() == circuit_state::closed);
        c.fail(*probe);
        CHECK(c.state() == circuit_state::closed);
    }
}

TEST_CASE("a row of failures goes on across the wrap of generations only in its own") {
    support::hand_driven<keel::consecutive_failures> c({.window = {.failures = 2}});
    pass(c, all_generations - 1);
    c.fail();
    pass(c, 1);
    c.fail();
    CHECK(c.state() == circuit_state::closed);
    c.fail();
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE_TEMPLATE("with four generations, a result is dropped in the next three whatever state they are of", Window,
                   keel::consecutive_failures, keel::sliding_window, keel::sliding_time_window,
                   keel::basic_sliding_window<{.count_overdue = true}>) {
    using small = support::hand_driven<Window, true, few_generations>;
    keel::breaker_config<Window> config{.open_for = 1s, .half_open_calls = 1, .growth = {.jitter = 0}};
    if constexpr (requires { config.minimum_calls; })
        config.minimum_calls = 1;
    else
        config.window.failures = 1;
    if constexpr (Window::counts_overdue) config.slow_call.longer_than = 1h;
    using change = void (*)(small&);
    constexpr change close = [](small& c) { c.circuit.close(); };
    constexpr change changes[] = {close, [](small& c) { c.circuit.half_open(); },
                                  [](small& c) { c.circuit.metrics_only(); }, [](small& c) { c.circuit.disable(); },
                                  [](small& c) { c.circuit.force_open(); }};
    for (int first = 0; first < 4; ++first) {
        for (const change begun_in : changes) {
            for (const change last : changes) {
                for (int gone_by = 1; gone_by <= 4; ++gone_by) {
                    small c(config, 100s);
                    for (int i = 0; i < first; ++i)
                        close(c);
                    begun_in(c);
                    const auto old = c.ask();
                    if (!old) continue;
                    for (int i = 1; i < gone_by; ++i)
                        close(c);
                    last(c);
                    const circuit_state before = c.state();
                    CAPTURE(std::string(name(before)));
                    CAPTURE(gone_by);
                    c.fail(*old);
                    const bool may_trip = before == circuit_state::closed || before == circuit_state::half_open;
                    const bool came_round = gone_by == 4;
                    CHECK((c.state() != before) == (came_round && may_trip));
                    const bool may_count = came_round && before != circuit_state::forced_open;
                    CHECK(c.circuit.stats().totals.late == (may_count ? 0 : 1));
                }
            }
        }
    }
}

TEST_CASE("a circuit whose threads' clocks differ a little probes once and is not thrown open or shut") {
    circuit c(quick, 100s);
    c.fail();
    c.clock.advance(1s);
    const auto behind = [&](std::chrono::nanoseconds by) {
        keel::call call;
        call.turn_at(c.clock.now() - by);
        return call;
    };
    for (const std::chrono::nanoseconds by :
         {std::chrono::nanoseconds(1ns), std::chrono::nanoseconds(100us), std::chrono::nanoseconds(500ms)}) {
        keel::call early = behind(by);
        keel::circuit_permit p;
        CHECK(!c.circuit.admit(p, early).granted());
    }
    keel::circuit_permit probe, second;
    keel::call on_time = behind(0ns);
    REQUIRE(c.circuit.admit(probe, on_time).granted());
    keel::call early = behind(2s);
    CHECK(!c.circuit.admit(second, early).granted());
    c.circuit.settle(probe, early, ending::succeeded);
    CHECK(c.state() == circuit_state::closed);
}
