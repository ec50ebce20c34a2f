// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using keel::circuit_state;
using support::bad;
using support::good;
using support::refused;
using support::result;

// What the order of two policies means: each case shows both.

namespace {
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto twice = keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 1ms}});
constexpr auto at_third = keel::breaker<keel::consecutive_failures>({.window = {.failures = 3}, .open_for = 1h});

/// Writes down when its hooks are called.
struct marked {
    char name;
    std::string* log;
    keel::admission admit(keel::call&, auto&) const {
        *log += name;
        return keel::proceed;
    }
    keel::verdict settle(keel::call&, auto&, const keel::outcome&) const {
        *log += static_cast<char>(name - 'a' + 'A');
        return keel::verdict::keep();
    }
};
} // namespace

TEST_CASE("the leftmost policy is the outermost: it admits first and settles last") {
    std::string log;
    using keel::operator|;
    keel::pipeline p{marked{'a', &log} | marked{'b', &log} | marked{'c', &log}};
    p([&] { log += '-'; });
    CHECK(log == "abc-CBA");
}

TEST_CASE("what is right of a retry runs again with each attempt, what is left of it once") {
    keel::manual_clock clock;
    std::string log;
    keel::pipeline p{marked{'a', &log} | twice | marked{'b', &log}, clock};
    CHECK(!p([&] { return log += '-', bad(); }));
    CHECK(log == "ab-Bb-BA");
}

TEST_CASE("timeout left of retry bounds all attempts together, right of it each one") {
    keel::manual_clock clock;
    int calls = 0;
    const auto slow = [&] {
        ++calls;
        clock.advance(60ms);
        return 1;
    };
    keel::pipeline together{keel::timeout(50ms) | thrice, clock};
    CHECK(together.attempt(slow).error() == keel::errc::timed_out);
    CHECK(calls == 1);
    calls = 0;
    keel::pipeline each{thrice | keel::timeout(50ms), clock};
    CHECK(each.attempt(slow).error() == keel::errc::timed_out);
    CHECK(calls == 3);
}

TEST_CASE("breaker left of retry counts calls, right of it attempts") {
    keel::manual_clock clock;
    keel::pipeline calls{at_third | thrice, clock};
    keel::pipeline attempts{thrice | at_third, clock};
    calls(bad), calls(bad);
    CHECK(calls.circuit().state() == circuit_state::closed);
    calls(bad);
    CHECK(calls.circuit().state() == circuit_state::open);
    attempts(bad);
    CHECK(attempts.circuit().state() == circuit_state::open);
}

TEST_CASE("breaker left of retry does not see an attempt that a retry has made good, right of it it does") {
    keel::manual_clock clock;
    const auto at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 1ms});
    keel::pipeline outside{at_once | twice, clock};
    keel::pipeline inside{twice | at_once, clock};
    int n = 0;
    const auto second_time = [&]() -> result { return ++n % 2 == 0 ? good() : bad(); };
    CHECK(outside(second_time).has_value());
    CHECK(outside.circuit().state() == circuit_state::closed);
    CHECK(inside(second_time).has_value());
    CHECK(inside.circuit().state() == circuit_state::half_open);
}

TEST_CASE("breaker left of timeout counts what comes too late, right of it not") {
    keel::manual_clock clock;
    keel::pipeline outside{at_third | keel::timeout(50ms), clock};
    keel::pipeline inside{keel::timeout(50ms) | at_third, clock};
    const auto late = [&]() -> result { return clock.advance(60ms), good(); };
    for (int i = 0; i < 3; ++i) {
        CHECK(outside(late).error() == keel::errc::timed_out);
        CHECK(inside(late).error() == keel::errc::timed_out);
    }
    CHECK(outside.circuit().state() == circuit_state::open);
    CHECK(inside.circuit().state() == circuit_state::closed);
}

TEST_CASE("the nearer of nested timeouts wins, in either order") {
    keel::manual_clock clock;
    keel::pipeline near_inside{keel::timeout(50ms) | keel::timeout(20ms), clock};
    keel::pipeline near_outside{keel::timeout(20ms) | keel::timeout(50ms), clock};
    const auto seen = [](const keel::context& c) { return c.remaining(); };
    CHECK(near_inside(seen) == 20ms);
    CHECK(near_outside(seen) == 20ms);
}

TEST_CASE("nested retries multiply their attempts, in either order") {
    keel::manual_clock clock;
    keel::pipeline a{thrice | twice, clock}, b{twice | thrice, clock};
    int n = 0;
    const auto failing = [&]() -> result { return ++n, bad(); };
    a(failing);
    CHECK(n == 6);
    CHECK(clock.now() == keel::time_point(3 * 1ms + 2 * 10ms));
    b(failing);
    CHECK(n == 12);
    CHECK(clock.now() == keel::time_point((3 * 1ms + 2 * 10ms) + (2 * 2 * 10ms + 1ms)));
}

TEST_CASE("of two breakers the outer one does not count what the inner one refuses") {
    keel::manual_clock clock;
    keel::pipeline p{at_third | keel::breaker<keel::consecutive_failures>({.window = {.failures = 2}}), clock};
    p(bad), p(bad);
    for (int i = 0; i < 10; ++i)
        CHECK(p(bad).error() == refused);
    CHECK(p.circuit<0>().state() == circuit_state::closed);
    CHECK(p.circuit<1>().state() == circuit_state::open);
}
