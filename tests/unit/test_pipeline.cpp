// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

using namespace std::chrono_literals;

namespace {
constexpr auto card = keel::timeout | keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>;
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});

struct counting_clock {
    int* reads;
    keel::time_point now() const noexcept { return ++*reads, keel::time_point{}; }
    void sleep_until(keel::time_point) const {}
};
struct flag {
    bool raised = false;
    bool stop_requested() const noexcept { return raised; }
};
} // namespace

TEST_CASE("the healthy path reads the clock as often as its policies need, and no more") {
    const auto reads_of = [](const auto& chain) {
        int reads = 0;
        keel::pipeline p{chain, counting_clock{&reads}};
        reads = 0; // a circuit remembers when it was made
        for (int i = 0; i < 30; ++i)
            p([] {});
        return reads;
    };
    constexpr auto by_time = keel::breaker<keel::sliding_time_window>({.minimum_calls = 1});
    CHECK(reads_of(keel::retry<> | keel::breaker<>) == 0);
    CHECK(reads_of(card) == 60);
    CHECK(reads_of(keel::timeout | keel::timeout | by_time) == 60);
    CHECK(reads_of(by_time) == 30);
    CHECK(reads_of(keel::timeout({.late_success = keel::late_success::keep})) == 30);
}

TEST_CASE("off the healthy path the clock is read once per turn, by whoever asks first") {
    int reads = 0;
    keel::pipeline p{keel::timeout | keel::timeout | thrice, counting_clock{&reads}};
    int n = 0;
    CHECK(p([&] { return ++n < 3 ? throw 1 : n; }) == 3);
    // At entry; after each attempt; and after each wait, for it may have lasted past the deadline.
    CHECK(reads == 6);
}

TEST_CASE("a pipeline holds its clock by value, and lends it") {
    keel::manual_clock clock;
    keel::pipeline p{card, clock};
    p.clock().advance(3s);
    CHECK(clock.now() == keel::time_point(3s));
    const auto& constant = p;
    CHECK(constant.clock().now() == keel::time_point(3s));
}

TEST_CASE("a static pipeline does what the pipeline of the same chain does") {
    static constexpr auto chain = keel::timeout(1s) | thrice | keel::breaker<keel::consecutive_failures>;
    keel::manual_clock clock;
    keel::static_pipeline<chain, keel::manual_clock> s{clock};
    keel::pipeline p{chain, clock};
    for (int i = 0; i < 3; ++i) {
        int n = 0, m = 0;
        const auto failing = [&](int& count) { return [&count]() -> int { throw ++count; }; };
        const bool refused_here = s.attempt(failing(n)).error().is_rejection();
        const bool refused_there = p.attempt(failing(m)).error().is_rejection();
        CHECK(n == m);
        CHECK(refused_here == refused_there);
        CHECK(s.circuit().state() == p.circuit().state());
    }
    CHECK(s.circuit().state() == keel::circuit_state::open);
    keel::static_pipeline<keel::timeout> alone;
    CHECK(alone([] { return 1; }) == 1);
}

TEST_CASE("a function is invoked with the context if it takes one, and with nothing otherwise") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(5s), clock};
    struct {
        int operator()() const { return 0; }
        int operator()(const keel::context&) const { return 1; }
    } both;
    CHECK(p(both) == 1);
    CHECK(p([] { return 0; }) == 0);
    CHECK(p([](const keel::context& c) { return c.remaining() / 1s; }) == 5);
    CHECK(p([](auto&&... args) { return sizeof...(args); }) == 1);
}

TEST_CASE("a function is the caller's own object in every attempt, not a copy") {
    keel::manual_clock clock;
    keel::pipeline p{thrice, clock};
    auto counting = [n = 0]() mutable { return ++n < 3 ? throw 1 : n; };
    CHECK(p(counting) == 3);
    CHECK(p(counting) == 4);
    CHECK(p([only_moved = std::make_unique<int>(7)] { return *only_moved; }) == 7);
    std::array<int, 100> large{};
    CHECK(p([large] { return large.size(); }) == 100);
    int n = 0;
    CHECK(p([large, &n]() mutable { return ++large[0], ++n < 3 ? throw 1 : large[0]; }) == 3);
}

TEST_CASE("a call that is part of another ends no later than that, and stops with it") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1h) | thrice, clock};
    flag stop;
    const keel::context outer(stop, keel::time_point(15ms));
    int n = 0;
    CHECK(!p.attempt(outer, [&](const keel::context& c) -> int {
        CHECK(c.deadline() == keel::time_point(15ms));
        throw ++n;
    }));
    CHECK(n == 2); // the second wait does not fit
    stop.raised = true;
    n = 0;
    CHECK_THROWS_AS(p(keel::context(stop), [&]() -> int { throw ++n; }), int);
    CHECK(n == 1);
}

TEST_CASE("the first attempt begins though a stop is requested: whether the call is wanted is the caller's to know") {
    keel::manual_clock clock;
    keel::pipeline p{thrice, clock};
    const flag stop{true};
    int n = 0;
    CHECK(!p.attempt(keel::context(stop), [&]() -> int { throw ++n; }));
    CHECK(n == 1);
}

TEST_CASE("a pipeline may be called from within its own call") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(10s) | thrice | keel::breaker<>, clock};
    int n = 0;
    CHECK(p([&](const keel::context& outer) {
              clock.advance(1s);
              return p(outer, [&](const keel::context& inner) {
                  CHECK(inner.remaining() == 9s);
                  CHECK(inner.attempt() == 1);
                  return ++n;
              });
          }) == 1);
}

TEST_CASE("wrap makes a callable with the function's parameters, as often callable as one likes") {
    keel::manual_clock clock;
    keel::pipeline p{thrice, clock};
    const auto add = p.wrap([](int a, const std::string& b) { return std::to_string(a) + b; });
    CHECK(add(1, "x") == "1x");
    CHECK(add(2, std::string("y")) == "2y");
    int n = 0;
    const auto failing = p.wrap([&n](int& out) -> int& {
        ++out;
        return ++n < 3 ? throw 1 : n;
    });
    int out = 0;
    CHECK(&failing(out) == &n);
    CHECK(out == 3);
    const auto nothing = p.wrap([] {});
    static_assert(std::is_void_v<decltype(nothing())>);
    nothing();
}

TEST_CASE("a wrapped function gets the same arguments in each attempt") {
    keel::manual_clock clock;
    keel::pipeline p{thrice, clock};
    int n = 0;
    const auto failing = p.wrap([&](const std::string& s) { return ++n < 3 ? throw 1 : s; });
    CHECK(failing(std::string("a string that is too long to be stored inside")) ==
          "a string that is too long to be stored inside");
}

TEST_CASE("a pipeline refuses a chain that is out of range when it is made") {
    auto broken = keel::timeout;
    broken.config.after = keel::nanos(-1);
    CHECK_THROWS_WITH_AS(keel::pipeline{broken | keel::retry<>},
                         "keel: timeout.after = -1: must be above 0 and at most 100 years", keel::invalid_config);
    CHECK_THROWS_AS(keel::pipeline{broken}, keel::invalid_config);
}
