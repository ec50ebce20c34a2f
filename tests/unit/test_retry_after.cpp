// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/cold_only.hpp"
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/error.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/through.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <system_error>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::errc;
using std::chrono::nanoseconds;

namespace {

/// An error that no `errc` can be made into.
struct users_error {
    int code = 0;
};
using users_result = std::expected<int, users_error>;

constexpr auto quick = keel::breaker<consecutive_failures>(support::trips_at<consecutive_failures>(1));

int value() { return 1; }
users_result none() { return std::unexpected(users_error{7}); }

/// What each kind of answer says of the wait.
template <class Pipeline>
nanoseconds of_exception(Pipeline& p) {
    try {
        p(value);
    } catch (const keel::rejected& e) {
        CHECK(e.reason() == errc::circuit_open);
        return e.retry_after();
    }
    FAIL("let through");
    return {};
}
template <class Pipeline>
nanoseconds of_attempt(Pipeline& p) {
    const auto r = p.attempt(value);
    REQUIRE(!r);
    CHECK(r.error() == errc::circuit_open);
    return r.error().retry_after();
}
template <class Pipeline>
nanoseconds of_attempt_raised(Pipeline& p) {
    const auto r = p.attempt(none);
    REQUIRE(!r);
    CHECK(r.error().is_rejection());
    try {
        r.error().raise();
    } catch (const keel::rejected& e) {
        CHECK(e.retry_after() == r.error().retry_after());
        return e.retry_after();
    }
    return {};
}
template <class Pipeline>
nanoseconds of_expected(Pipeline& p) {
    const auto r = p(none);
    REQUIRE(!r);
    REQUIRE(r.error().is_rejection());
    CHECK(r.error().reason() == errc::circuit_open);
    CHECK(nanoseconds(std::get<keel::circuit_open>(r.error()).retry_after) == r.error().retry_after());
    return r.error().retry_after();
}
template <class Pipeline>
void check_all(Pipeline& p, nanoseconds wait) {
    CHECK(of_exception(p) == wait);
    CHECK(of_attempt(p) == wait);
    CHECK(of_attempt_raised(p) == wait);
    CHECK(of_expected(p) == wait);
}

/// On either lane.
template <class Check>
void with_each_lane(Check check) {
    {
        keel::manual_clock clock;
        keel::pipeline p{quick, clock};
        check(clock, p);
    }
    keel::manual_clock clock;
    keel::pipeline p{support::cold_only{quick}, clock};
    check(clock, p);
}

} // namespace

TEST_CASE("a rejection by an open circuit says how long it is until the next probe, to the nanosecond") {
    with_each_lane([](keel::manual_clock& clock, auto& p) {
        p(support::bad);
        REQUIRE(p.circuit().state() == circuit_state::open);
        check_all(p, 10s);
        clock.advance(3s);
        check_all(p, 7s);
        clock.advance(7s - 1ns);
        check_all(p, 1ns);
        clock.advance(1ns);
        CHECK(p(value) == 1);
    });
}

TEST_CASE("a rejection by a half-open circuit says that nobody knows when its probes are back") {
    with_each_lane([](keel::manual_clock& clock, auto& p) {
        p.circuit().half_open();
        CHECK(p([&] {
                  check_all(p, 0ns);
                  clock.advance(5s - 1ns);
                  check_all(p, 0ns);
                  return 2;
              }) == 2);
        CHECK(p.circuit().state() == circuit_state::closed);
    });
}

TEST_CASE("a rejection by a forced-open circuit says that nobody knows how long it lasts") {
    with_each_lane([](keel::manual_clock& clock, auto& p) {
        p.circuit().force_open();
        check_all(p, 0ns);
        clock.advance(1h);
        check_all(p, 0ns);
    });
}

TEST_CASE("a wait that the jitter and the growth made longer is told as it is") {
    keel::manual_clock clock;
    keel::pipeline p{
        keel::breaker<consecutive_failures>(
            {.window = {.failures = 1}, .open_for = 10s, .half_open_calls = 1, .growth = {.factor = 3, .jitter = 0.5}}),
        clock};
    p(support::bad);
    clock.advance(10s);
    p(support::bad);
    REQUIRE(p.circuit().state() == circuit_state::open);
    const nanoseconds wait = of_attempt(p);
    CHECK(wait >= 30s);
    CHECK(wait <= 45s);
    clock.advance(wait - 1ns);
    CHECK(of_attempt(p) == 1ns);
    clock.advance(1ns);
    CHECK(p(value) == 1);
}

TEST_CASE("a rejection by a shared circuit says how long it lasts") {
    keel::manual_clock clock;
    keel::circuit<consecutive_failures, keel::manual_clock> shared(quick.config, clock);
    keel::pipeline p{keel::timeout(1s) | keel::through(shared), clock};
    shared.open();
    clock.advance(4s);
    check_all(p, 6s);
    CHECK(shared.try_acquire().retry_after() == 6s);
}

TEST_CASE("of two circuits the one that refuses says how long") {
    keel::manual_clock clock;
    keel::pipeline p{quick | keel::breaker<consecutive_failures>({.open_for = 70s}), clock};
    p.circuit<1>().open();
    check_all(p, 70s);
    p.circuit<0>().open();
    check_all(p, 10s);
}

TEST_CASE("a rejection comes out of the retries around the circuit with its wait") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<> | quick, clock};
    p.circuit().open();
    clock.advance(1s);
    check_all(p, 9s);
}

TEST_CASE("nobody knows how long to wait after a timeout") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s), clock};
    const auto late = [&] {
        clock.advance(2s);
        return 1;
    };
    const auto r = p.attempt(late);
    REQUIRE(!r);
    CHECK(r.error() == errc::timed_out);
    CHECK(r.error().retry_after() == 0ns);
    try {
        p(late);
        FAIL("in time");
    } catch (const keel::rejected& e) {
        CHECK(e.retry_after() == 0ns);
    }
    const auto x = p([&]() -> users_result {
        clock.advance(2s);
        return 1;
    });
    REQUIRE(!x);
    CHECK(x.error().is_rejection());
    CHECK(x.error().retry_after() == 0ns);
}

TEST_CASE("an error or an exception of the function itself has no wait") {
    keel::manual_clock clock;
    keel::pipeline p{quick, clock};
    const auto error = p(none);
    REQUIRE(!error);
    CHECK(!error.error().is_rejection());
    CHECK(error.error().error()->code == 7);
    CHECK(error.error().retry_after() == 0ns);
    p.circuit().close();
    const auto thrown = p.attempt([]() -> int { throw 1; });
    REQUIRE(!thrown);
    CHECK(!thrown.error().is_rejection());
    CHECK(thrown.error().retry_after() == 0ns);
}

TEST_CASE("of the rejections of a chain the wait belongs to the one that is held") {
    using error = keel::error_of<users_error, errc::timed_out, errc::circuit_open>;
    CHECK(error::of(errc::circuit_open, 5s).retry_after() == 5s);
    CHECK(error::of(errc::timed_out, 3s).retry_after() == 3s);
    CHECK(error::of(errc::circuit_open, 5s).reason() == errc::circuit_open);
    CHECK(error::of(errc::timed_out).reason() == errc::timed_out);
    CHECK(error(users_error{1}).retry_after() == 0ns);
    CHECK(keel::circuit_open{5s} == keel::circuit_open{7s});
    CHECK(keel::rejected(errc::refused).retry_after() == 0ns);
    CHECK(keel::failure(errc::refused).retry_after() == 0ns);
    CHECK(keel::failure(errc::refused, 2s).retry_after() == 2s);
}
