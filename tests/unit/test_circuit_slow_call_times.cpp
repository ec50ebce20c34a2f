// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/through.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using keel::consecutive_failures;
using keel::sliding_window;

namespace {

/// Counts how often it is read.
struct counting_clock {
    static inline int reads = 0;
    static inline std::int64_t time = 0;
    keel::time_point now() const noexcept {
        ++reads;
        return keel::time_point(std::chrono::nanoseconds(time));
    }
    void sleep_until(keel::time_point) const noexcept {}
};

} // namespace

TEST_CASE("a circuit that does not count slow calls reads no clock on either lane, nor by hand") {
    const auto chain = keel::breaker<consecutive_failures>({.window = {.failures = 100}});
    keel::pipeline express{chain, counting_clock{}};
    keel::pipeline cold{support::cold_only{chain}, counting_clock{}};
    keel::circuit<consecutive_failures, counting_clock> by_hand({.window = {.failures = 100}});
    counting_clock::reads = 0;
    for (int i = 0; i < 10; ++i) {
        express(support::good), express(support::bad);
        cold(support::good), cold(support::bad);
        by_hand.try_acquire().success(), by_hand.try_acquire().failure();
        static_cast<void>(by_hand.try_acquire());
    }
    CHECK(counting_clock::reads == 0);
}

TEST_CASE("a circuit that counts slow calls reads the clock when a call begins and when it ends") {
    const auto chain =
        keel::breaker<consecutive_failures>({.window = {.failures = 100}, .slow_call = {.longer_than = 1s}});
    keel::pipeline express{chain, counting_clock{}};
    keel::pipeline cold{support::cold_only{chain}, counting_clock{}};
    keel::circuit<consecutive_failures, counting_clock> by_hand(
        {.window = {.failures = 100}, .slow_call = {.longer_than = 1s}});
    for (int i = 0; i < 10; ++i) {
        counting_clock::reads = 0;
        express(i % 2 == 0 ? support::good : support::bad);
        CHECK(counting_clock::reads == 2);
        cold(i % 2 == 0 ? support::good : support::bad);
        CHECK(counting_clock::reads == 4);
        by_hand.try_acquire().success();
        CHECK(counting_clock::reads == 6);
    }
}

TEST_CASE("a pipeline times each attempt inside its retries, without the waits between them") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10s}}) |
                         keel::breaker<sliding_window>({.slow_call = {.longer_than = 1s}}),
                     clock};
    const auto fails_in = [&](std::chrono::nanoseconds time) {
        return [&clock, time]() -> support::result {
            clock.advance(time);
            return support::bad();
        };
    };
    p(fails_in(1s));
    CHECK(p.circuit().stats().totals.failures == 3);
    CHECK(p.circuit().stats().totals.slow == 0);
    p(fails_in(1s + 1ns));
    CHECK(p.circuit().stats().totals.failures == 6);
    CHECK(p.circuit().stats().totals.slow == 3);
}

TEST_CASE("a circuit around retries times them all together") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<sliding_window>({.slow_call = {.longer_than = 10s}}) |
                         keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 5s}}),
                     clock};
    p(support::bad);
    CHECK(p.circuit().stats().totals.slow == 0); // exactly 10 s
    p([&]() -> support::result {
        clock.advance(1ns);
        return support::bad();
    });
    CHECK(p.circuit().stats().totals.slow == 1);
}

TEST_CASE("a shared circuit that counts slow calls makes its pipelines read the clock") {
    keel::manual_clock clock;
    keel::circuit<sliding_window, keel::manual_clock> shared({.slow_call = {.longer_than = 1s}}, clock);
    keel::pipeline express{keel::through(shared), clock};
    keel::pipeline cold{support::cold_only{keel::through(shared)}, clock};
    const auto slow = [&]() -> support::result {
        clock.advance(2s);
        return 1;
    };
    express(slow), cold(slow), express(support::good), cold(support::good);
    CHECK(shared.stats().totals.slow == 2);
    CHECK(shared.stats().totals.successes == 4);
}

TEST_CASE("a circuit whose limit the compiler knows counts slow calls") {
    keel::manual_clock clock;
    constexpr auto guard = keel::breaker<sliding_window>({.slow_call = {.longer_than = 1s}});
    keel::static_pipeline<guard, keel::manual_clock> p{clock};
    for (int i = 0; i < 30; ++i)
        p(support::good);
    p([&]() -> support::result {
        clock.advance(2s);
        return 1;
    });
    CHECK(p.circuit().stats().totals.slow == 1);
}
