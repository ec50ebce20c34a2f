// SPDX-License-Identifier: BSL-1.0
// Results that chaos answers with, and behaviors that it runs.
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/chaos.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <expected>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using keel::chaos;
using keel::errc;
using support::result;

namespace {
constexpr auto always = chaos({.rate = 1});

int plain_function() { return 41; }
void plain_behavior() { throw std::range_error("plain"); }
bool plain_predicate() { return false; }
} // namespace

TEST_CASE("an injected value answers for every kind of result that it converts to") {
    keel::pipeline p{always.result(3)};
    int runs = 0;
    CHECK(p([&] { return ++runs; }) == 3);
    CHECK(p.attempt([&] { return ++runs; }) == 3);
    CHECK(p([&]() -> double { return ++runs; }) == 3.0);
    CHECK(p([&]() -> std::optional<int> { return ++runs; }) == 3);
    CHECK(p([&]() -> result { return ++runs; }) == 3);
    CHECK(p.attempt([&]() -> result { return ++runs; }) == 3);
    CHECK(p([&]() -> std::expected<int, std::string> { return ++runs; }) == 3);
    const int other = 1;
    CHECK(&p([&]() -> const int& { return ++runs, other; }) != &other);
    CHECK(p([&]() -> const int& { return ++runs, other; }) == 3);
    keel::pipeline text{always.result("x")};
    CHECK(text([&] { return ++runs, std::string("s"); }) == "x");
    keel::pipeline nothing{always.result([] {})};
    nothing([&] { ++runs; });
    CHECK(nothing.attempt([&] { ++runs; }).has_value());
    CHECK(!nothing([&] { return ++runs, std::make_error_code(std::errc::io_error); }));
    CHECK(runs == 0);
}

TEST_CASE("an injected result may be an error") {
    keel::pipeline p{always.result(result(std::unexpect, std::make_error_code(std::errc::host_unreachable)))};
    CHECK(p(support::good).error() == std::errc::host_unreachable);
    CHECK(*p.attempt(support::good).error().error() == std::errc::host_unreachable);
    keel::pipeline code{always.result(std::make_error_code(std::errc::io_error))};
    CHECK(code([] { return std::error_code(); }) == std::errc::io_error);
    keel::pipeline own{always.result([]() -> std::expected<int, std::string> { return std::unexpected("injected"); })};
    const auto r = own([]() -> std::expected<int, std::string> { return 1; });
    CHECK(*r.error().error() == "injected");
}

TEST_CASE("a result's function is told the context, or nothing, and may throw") {
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(1s) | always.result([](const keel::context& c) {
                         return static_cast<int>(c.remaining() / 1ms) + static_cast<int>(c.attempt());
                     }),
                     time};
    CHECK(p([] { return 1; }) == 1000);
    keel::pipeline throwing{always.result([]() -> int { throw std::range_error("injected"); })};
    CHECK_THROWS_AS(throwing([] { return 1; }), std::range_error);
    CHECK(throwing.attempt([] { return 1; }).error().exception());
    keel::pipeline pointer{always.result(plain_function)};
    CHECK(pointer([] { return 1; }) == 41);
    keel::pipeline erased{always.result(std::function<int()>([] { return 42; }))};
    for (int i = 0; i < 3; ++i)
        CHECK(erased([] { return 1; }) == 42);
    int spare = 5;
    keel::pipeline referring{always.result([&]() -> int& { return spare; })};
    int own = 0;
    CHECK(&referring([&]() -> int& { return own; }) == &spare);
}

TEST_CASE("an injected success is one, and an injected failure one, to policies further out") {
    keel::pipeline failing{keel::breaker<>({.minimum_calls = 1}) | always.result([]() -> int { throw 1; })};
    CHECK(!failing.attempt([] { return 1; }));
    CHECK(failing.circuit().state() == keel::circuit_state::open);
    keel::pipeline succeeding{keel::breaker<>({.minimum_calls = 1}) | always.result(1)};
    CHECK(succeeding([]() -> int { throw 1; }) == 1);
    CHECK(succeeding.circuit().state() == keel::circuit_state::closed);
    CHECK(succeeding.circuit().stats().window.calls == 1);
}

TEST_CASE("the time that a result's function takes is the callee's") {
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(1s) | always.result([&] {
                         time.advance(2s);
                         return 3;
                     }),
                     time};
    CHECK(p.attempt([] { return 1; }).error() == errc::timed_out);
}

TEST_CASE("behaviors run before the call, in their order, told the context or nothing") {
    keel::manual_clock time;
    std::string seen;
    keel::pipeline p{keel::timeout(1s) |
                         always.behavior([&] { seen += 'a'; }).latency(10ms).behavior([&](const keel::context& c) {
                             seen += std::to_string(c.remaining() / 1ms);
                         }),
                     time};
    CHECK(p([&] { return seen += 'f', 1; }) == 1);
    CHECK(seen == "a990f");
    CHECK_THROWS_AS(p([&]() -> int { throw 1; }), int);
    CHECK(seen == "a990fa990");
}

TEST_CASE("a behavior may come before a fault or a result") {
    int runs = 0;
    keel::pipeline faulty{always.behavior([&] { ++runs; }).fault()};
    CHECK(faulty.attempt([&] { return runs += 10; }).error() == errc::injected);
    keel::pipeline answering{always.behavior([&] { ++runs; }).result(7)};
    CHECK(answering([&] { return runs += 10; }) == 7);
    CHECK(runs == 2);
}

TEST_CASE("what a behavior throws is how the call ends, and is retried as the function's") {
    keel::manual_clock time;
    int runs = 0;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3}) | always.behavior([&] {
                         if (++runs < 3) throw std::range_error("injected");
                     }),
                     time};
    CHECK(p([] { return 1; }) == 1);
    CHECK(runs == 3);
    keel::pipeline q{always.behavior(plain_behavior).result(1)};
    CHECK_THROWS_AS(q([] { return 1; }), std::range_error);
    CHECK(q.attempt([] { return 1; }).error().exception());
}

TEST_CASE("a behavior that returns lets the attempt after a failed one run") {
    keel::manual_clock time;
    int runs = 0;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3}) | always.behavior([] {}), time};
    CHECK(p([&]() -> int {
              if (++runs < 3) throw 1;
              return runs;
          }) == 3);
}

TEST_CASE("the time that a behavior takes is the callee's") {
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(1s) | always.behavior([&] { time.advance(2s); }), time};
    CHECK(p.attempt([] { return 1; }).error() == errc::timed_out);
}

TEST_CASE("the retries of calls in an injected function are among those of the call around") {
    keel::manual_clock time;
    keel::pipeline inner{keel::retry<keel::constant>({.attempts = 10}), time};
    int runs = 0;
    const auto asks_inner = [&](const keel::context& c) -> int {
        return inner(c, [&]() -> int {
            ++runs;
            throw 1;
        });
    };
    keel::pipeline outer{keel::retry<keel::constant>({.attempts = 3}) | always.result(asks_inner), time};
    CHECK_THROWS_AS(outer([] { return 1; }), int);
    CHECK(runs == 3);
}

TEST_CASE("functions may be pointers") {
    keel::pipeline p{always.fault().when(plain_predicate)};
    CHECK(p([] { return 1; }) == 1);
}
