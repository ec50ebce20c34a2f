// SPDX-License-Identifier: BSL-1.0
// What others do wrong with permits and counts, for the policies that have some besides the circuit.
#include "support/results.hpp"
#include "support/thrower.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/fallback.hpp>
#include <keel/limit.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/throttle.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <system_error>

using namespace std::chrono_literals;
using keel::named;

namespace {
struct cancelled : std::runtime_error {
    cancelled()
      : std::runtime_error("cancelled") {}
};
} // namespace

TEST_CASE("failure: a callback that throws keeps permits of any policy; thrown at the k-th callback, for every k") {
    int last = 0, thrown = 0;
    for (int k = 1; last == 0; ++k) {
        CAPTURE(k);
        support::thrower callback{.throws_at = k};
        const auto fails = [&](const std::error_code&) { return callback(), true; };
        const auto is_not = [&](const std::error_code&) { return callback(), false; };
        keel::pipeline p{
            keel::fallback([&](const auto&) -> int { return callback(), 0; }) |
                keel::retry<keel::constant>({.attempts = 3}).failing_if(fails) |
                keel::rate_limit({.rate = 100, .burst = 1, .max_wait = 1s}).costing([&](const keel::context&) {
                    return callback(), 1;
                }) |
                named<"bulkhead">(keel::bulkhead({.permits = 1, .max_wait = 1ms})) |
                named<"limit">(keel::limit<>.failing_if(fails).ignoring_if(is_not)) |
                named<"throttle">(keel::throttle({.max_probability = 1e-12}).failing_if(fails).ignoring_if(is_not)),
            support::throwing_clock{&callback}};
        try {
            p([&]() -> support::result {
                callback();
                return support::bad();
            });
        } catch (const std::logic_error&) {
            ++thrown;
        }
        CHECK(p.get<"bulkhead">().in_flight() == 0);
        CHECK(p.get<"bulkhead">().waiting() == 0);
        CHECK(p.get<"limit">().in_flight() == 0);
        CHECK(p.get<"throttle">().stats().accepts == 0);
        if (callback.calls < k) last = k;
        callback.throws_at = 0;
        CHECK(p([&]() -> support::result { return 1; }).value() == 1);
    }
    CHECK(last > 15); // functions, costs, selectors, sleeps and answers of three attempts
    CHECK(thrown > 10);
}

TEST_CASE("failure: a cancelled call counts as a success, or as a failure") {
    keel::manual_clock clock;
    constexpr auto shrinks = keel::limit<keel::aimd>({.initial = 10, .window = 1ms, .minimum_calls = 1});
    keel::pipeline p{
        named<"limit">(shrinks.ignoring<cancelled>()) | named<"throttle">(keel::throttle.ignoring<cancelled>()), clock};
    for (int i = 0; i < 100; ++i) {
        CHECK_THROWS_AS(p([]() -> int { throw cancelled(); }), cancelled);
        clock.advance(1ms);
    }
    CHECK(p.get<"limit">().limit() == 10);
    CHECK(p.get<"limit">().in_flight() == 0);
    CHECK(p.get<"throttle">().stats().requests == 0);
    CHECK(p.get<"throttle">().stats().accepts == 0);
}

TEST_CASE("failure: a process forks while permits are out, and the child never gets them back") {
    keel::manual_clock clock;
    keel::pipeline p{named<"bulkhead">(keel::bulkhead({.permits = 2})), clock};
    const bool right = p([&] {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            // This thread's call goes on in both; had another thread had one, it would stay counted here.
            const bool held = p.get<"bulkhead">().in_flight() == 1 && p.attempt([] {}).has_value();
            keel::pipeline anew{keel::bulkhead({.permits = 2}), clock};
            ::_exit(held && anew.state<0>().in_flight() == 0 ? 0 : 1);
        }
        int status = -1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        return status == 0;
    });
    CHECK(right);
    CHECK(p.get<"bulkhead">().in_flight() == 0);
}
