// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/config_message.hpp"
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <stdexcept>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using support::bad;
using support::config_message;
using support::good;
using support::refused;
using support::result;

namespace {
constexpr auto quick = keel::breaker<consecutive_failures>(support::trips_at<consecutive_failures>(1, 2));
} // namespace

TEST_CASE("a breaker refuses without calling while its circuit is open") {
    keel::manual_clock clock;
    keel::pipeline p{quick, clock};
    int calls = 0;
    const auto count = [&] { return ++calls; };
    CHECK(p(count) == 1);
    p(bad);
    CHECK_THROWS_AS(p(count), keel::rejected);
    CHECK(p(good).error() == refused);
    CHECK(p.attempt(count).error() == keel::errc::circuit_open);
    CHECK(calls == 1);
}

TEST_CASE("each pipeline has a circuit of its own for each breaker, counted from the left") {
    keel::manual_clock clock;
    const auto chain = keel::breaker<consecutive_failures>({.window = {.failures = 2}}) | keel::timeout | quick;
    keel::pipeline p{chain, clock}, q{chain, clock};
    p(bad);
    CHECK(p.circuit().state() == circuit_state::closed);
    CHECK(p.circuit<0>().state() == circuit_state::closed);
    CHECK(p.circuit<1>().state() == circuit_state::open);
    CHECK(p.circuit<0>().config().window.failures == 2);
    CHECK(q.circuit<1>().state() == circuit_state::closed);
}

TEST_CASE("an exception is a failure to a breaker, and comes out of it unchanged") {
    keel::manual_clock clock;
    keel::pipeline p{quick, clock};
    CHECK_THROWS_WITH_AS(p([]() -> int { throw std::runtime_error("mine"); }), "mine", std::runtime_error);
    CHECK(p.circuit().state() == circuit_state::open);
}

TEST_CASE("a rejection further in is ignored, and a timeout further in is a failure") {
    keel::manual_clock clock;
    keel::pipeline p{quick | keel::timeout(1s), clock};
    CHECK(p([&]() -> result {
              clock.advance(2s);
              return 1;
          }).error() == std::errc::timed_out);
    CHECK(p.circuit().state() == circuit_state::open);
    keel::pipeline two{keel::breaker<consecutive_failures>({.window = {.failures = 2}}) | quick, clock};
    two(bad);
    for (int i = 0; i < 5; ++i)
        CHECK(two(good).error() == refused);
    CHECK(two.circuit<0>().state() == circuit_state::closed);
    CHECK(two.circuit<1>().state() == circuit_state::open);
}

TEST_CASE("a breaker is told which values, errors and exceptions are failures") {
    keel::manual_clock clock;
    keel::pipeline values{quick.failing_if([](int status) { return status >= 500; }), clock};
    CHECK(values([] { return 404; }) == 404);
    CHECK(values.circuit().state() == circuit_state::closed);
    CHECK(values([] { return 503; }) == 503);
    CHECK(values.circuit().state() == circuit_state::open);

    const auto is_busy = [](const std::error_code& e) { return e == std::errc::device_or_resource_busy; };
    keel::pipeline errors{quick.failing_if(is_busy), clock};
    errors(bad);
    CHECK(errors.circuit().state() == circuit_state::closed);
    errors([]() -> result { return std::unexpected(std::make_error_code(std::errc::device_or_resource_busy)); });
    CHECK(errors.circuit().state() == circuit_state::open);

    keel::pipeline exceptions{quick.failing_on<std::runtime_error>(), clock};
    CHECK_THROWS(exceptions([]() -> int { throw std::logic_error("x"); }));
    CHECK(exceptions.circuit().state() == circuit_state::closed);
    CHECK_THROWS(exceptions([]() -> int { throw std::range_error("x"); }));
    CHECK(exceptions.circuit().state() == circuit_state::open);
}

TEST_CASE("what a breaker ignores is not counted, and gives a probe's permit back") {
    keel::manual_clock clock;
    keel::pipeline p{quick.ignoring<std::logic_error>(), clock};
    p(bad);
    clock.advance(10s);
    for (int i = 0; i < 10; ++i)
        CHECK_THROWS_AS(p([]() -> result { throw std::logic_error("cancelled"); }), std::logic_error);
    CHECK(p.circuit().state() == circuit_state::half_open);
    p(good), p(good);
    CHECK(p.circuit().state() == circuit_state::closed);
}

TEST_CASE("a breaker's configuration is refused by policy, field, value and range") {
    using namespace keel;
    CHECK(config_message([] { breaker<sliding_window>({.failure_rate = 1.5}); }) ==
          "keel: breaker.failure_rate = 1.5: must be above 0 and at most 1");
    CHECK(config_message([] { breaker<sliding_window>({.window = {.calls = 1000}}); }) ==
          "keel: breaker.window.calls = 1000: times failure_rate must be at most sliding_window_options::failures (256 "
          "by default): raise that");
    CHECK(config_message([] { breaker<sliding_time_window>({.window = {.span = 17s, .buckets = 17}}); }) ==
          "keel: breaker.window.buckets = 17: must be at most sliding_time_window_options::buckets (16 by default): "
          "raise that");
    CHECK(config_message([] { breaker<consecutive_failures>({.open_for = 0s}); }) ==
          "keel: breaker.open_for = 0: must be above 0 and at most 100 years");
    CHECK(config_message([] { breaker<sliding_window>({.window = {.calls = 512}}); }) == "accepted");
}

TEST_CASE("an error about slow calls names the policy, the field, the value and the range") {
    CHECK(config_message([] {
              return keel::circuit<keel::sliding_window>({.slow_call = {.longer_than = -5ns}}).state();
          }) == "keel: breaker.slow_call.longer_than = -5: must be above 0 and at most 100 years");
    CHECK(config_message([] {
              return keel::circuit<keel::sliding_time_window>({.slow_call = {.rate = 1.5}}).state();
          }) == "keel: breaker.slow_call.rate = 1.5: must be above 0 and at most 1");
    CHECK(config_message([] { return keel::circuit<consecutive_failures>({.slow_call = {.rate = 0.5}}).state(); }) ==
          "keel: breaker.slow_call.rate = 0.5: must be 1: calls in a row have no rate, each slow one counts as a "
          "failure");
    CHECK(config_message([] {
              return keel::circuit<keel::sliding_window>(
                         {.window = {.calls = 300}, .failure_rate = 0.5, .slow_call = {.longer_than = 1s}})
                  .state();
          }) == "keel: breaker.window.calls = 300: times slow_call.rate must be at most "
                "sliding_window_options::failures (256 by default): raise that");
    CHECK(config_message([] {
              return keel::circuit<keel::sliding_window>({.window = {.calls = 300}, .failure_rate = 0.5}).state();
          }) == "accepted");
}

TEST_CASE("one bad host of ten, each behind a breaker of its own, trips none of the others") {
    keel::manual_clock clock;
    const auto chain = keel::breaker<keel::sliding_window>({.minimum_calls = 20});
    using guard = keel::pipeline<keel::chain<keel::breaker_policy<keel::sliding_window>>, keel::manual_clock>;
    std::deque<guard> hosts;
    for (int i = 0; i < 10; ++i)
        hosts.emplace_back(chain, clock);
    for (int i = 0; i < 100; ++i) {
        for (guard& host : hosts)
            static_cast<void>(host(&host == &hosts[7] ? bad : good));
    }
    for (guard& host : hosts)
        CHECK(host.circuit().state() == (&host == &hosts[7] ? circuit_state::open : circuit_state::closed));
}
