// SPDX-License-Identifier: BSL-1.0
#include "support/allocations.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/fallback.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>
#include <keel/window/sliding_window.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;

namespace {

template <class F>
long allocations_of(const F& f) {
    const long before = support::allocations();
    f();
    return support::allocations() - before;
}

template <class Ticket>
void wait(keel::manual_clock& clock, Ticket& t) {
    while (t.waiting()) {
        clock.advance(t.delay());
        t.resume();
    }
}

} // namespace

TEST_CASE("a ticket allocates nothing: in retries, in waits, refused, moved or dropped") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | keel::rate_limit({.rate = 100, .per = 1s, .burst = 1, .max_wait = 100ms}) |
                         keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}) |
                         keel::named<"permits">(keel::bulkhead({.permits = 1, .max_wait = 50ms})) |
                         keel::breaker<keel::sliding_window>,
                     clock};
    int succeeded = 0, refused = 0;
    const auto begin = [&] {
        auto t = p.begin();
        if (t.waiting()) clock.advance(t.delay());
        if (t.waiting()) t.resume(); // its turn of the rate has come
        return t;
    };
    const auto calls = [&] {
        for (int i = 0; i < 10; ++i) {
            auto failing = begin();
            CHECK(failing.failure());
            wait(clock, failing);
            failing.success();
            auto running = begin(), in_line = begin();
            CHECK(in_line.waiting());
            auto moved = std::move(in_line);
            static_cast<void>(begin()); // dropped
            running.success();
            wait(clock, moved);
            moved.success();
            succeeded += moved.result().has_value();
            p.circuit().force_open();
            refused += begin().error() == keel::errc::circuit_open;
            p.circuit().reset();
        }
    };
    calls();
    CHECK(allocations_of(calls) == 0);
    CHECK(succeeded == 20);
    CHECK(refused == 20);
    CHECK(p.get<"permits">().in_flight() == 0);
}

TEST_CASE("what an exception takes that outlasts a wait is given back") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 10ms}}) |
                         keel::fallback([] { throw std::runtime_error("no"); }),
                     clock};
    const long live = support::live_blocks();
    const auto dropped = [&] {
        auto t = p.begin();
        CHECK(t.failure());
        CHECK(t.waiting());
    };
    CHECK((allocations_of(dropped) > 0) == support::counts_allocations());
    CHECK(support::live_blocks() == live);
}
