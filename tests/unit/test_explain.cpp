// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/backoff/decorrelated_jitter.hpp>
#include <keel/backoff/equal_jitter.hpp>
#include <keel/backoff/fibonacci.hpp>
#include <keel/backoff/linear.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/explain.hpp>
#include <keel/fallback.hpp>
#include <keel/limit.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/strict.hpp>
#include <keel/throttle.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>

using namespace std::chrono_literals;
using namespace keel;

namespace {
std::string text_of(const auto& chain) { return std::string(explain(chain).text()); }

struct opaque {
    admission admit(call&, auto&) const { return proceed; }
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
};
struct answering : opaque {
    static constexpr std::array<errc, 0> rejections{};
    constexpr policy_facts facts() const noexcept {
        return {.name = "fallback", .does = "answers what fails", .answers_failures = true};
    }
};

/// A delay of 1 ms, then one of 2 ms, and so on.
struct endless {
    struct iterator {
        int n = 1;
        constexpr std::chrono::milliseconds operator*() const { return n * 1ms; }
        constexpr iterator& operator++() { return ++n, *this; }
        constexpr bool operator==(std::unreachable_sentinel_t) const { return false; }
        using value_type = std::chrono::milliseconds;
        using difference_type = std::ptrdiff_t;
        constexpr iterator operator++(int) { return {n++}; }
    };
    constexpr iterator begin() const { return {}; }
    constexpr std::unreachable_sentinel_t end() const { return {}; }
};
} // namespace

TEST_CASE("explain tells the order, what bounds what, and what it comes to") {
    CHECK(text_of(timeout | retry<exp_jitter> | breaker<sliding_window>) ==
          "timeout: bounds all that is inside, 1 s\n"
          "  retry: runs what fails again, up to 3 times, waits for up to 30 ms\n"
          "    breaker: refuses while its circuit is open\n"
          "      your function\n"
          "at most 3 attempts in 1 s; may be refused: timed out, circuit open\n");
    CHECK(text_of(retry<exp_jitter> | timeout(50ms)) ==
          "retry: runs what fails again, up to 3 times, waits for up to 30 ms\n"
          "  timeout: bounds all that is inside, 50 ms\n"
          "    your function\n"
          "at most 3 attempts in 180 ms; may be refused: timed out\n");
    CHECK(text_of(breaker<>) == "breaker: refuses while its circuit is open\n"
                                "  your function\n"
                                "at most 1 attempt; may be refused: circuit open\n");
    CHECK(text_of(opaque{} | timeout(90s)) == "your policy: asks your hooks\n"
                                              "  timeout: bounds all that is inside, 90 s\n"
                                              "    your function\n"
                                              "at most 1 attempt in 90 s; may be refused: timed out, refused by a "
                                              "policy\n");
    CHECK(text_of(answering{} | timeout(120s) | breaker<>) == "fallback: answers what fails\n"
                                                              "  timeout: bounds all that is inside, 2 min\n"
                                                              "    breaker: refuses while its circuit is open\n"
                                                              "      your function\n"
                                                              "at most 1 attempt in 2 min\n");
    CHECK(text_of(retry_on(schedule{10ms, 50us})) ==
          "retry: runs what fails again, up to 3 times, waits for up to 10050 us\n"
          "  your function\n"
          "at most 3 attempts\n");
}

TEST_CASE("explain knows what each policy may wait for and refuse") {
    CHECK(text_of(fallback(0) | timeout(1s) | retry<exp_jitter> | breaker<sliding_window>) ==
          "fallback: answers for what fails\n"
          "  timeout: bounds all that is inside, 1 s\n"
          "    retry: runs what fails again, up to 3 times, waits for up to 30 ms\n"
          "      breaker: refuses while its circuit is open\n"
          "        your function\n"
          "at most 3 attempts in 1 s\n");
    CHECK(text_of(retry<>({.attempts = 2, .backoff = {.base = 10ms, .cap = 1s}}) |
                  bulkhead({.permits = 8, .max_wait = 20ms}) | timeout(100ms)) ==
          "retry: runs what fails again, up to 2 times, waits for up to 10 ms\n"
          "  bulkhead: refuses while all its permits are out, waits for up to 20 ms\n"
          "    timeout: bounds all that is inside, 100 ms\n"
          "      your function\n"
          "at most 2 attempts in 250 ms; may be refused: timed out, bulkhead full\n");
    CHECK(text_of(rate_limit({.rate = 100, .burst = 10, .max_wait = 50ms}) | breaker<> | timeout(30ms)) ==
          "rate_limit: refuses what comes too fast, waits for up to 50 ms\n"
          "  breaker: refuses while its circuit is open\n"
          "    timeout: bounds all that is inside, 30 ms\n"
          "      your function\n"
          "at most 1 attempt in 80 ms; may be refused: timed out, circuit open, rate limited\n");
    CHECK(text_of(throttle | limit<> | timeout(2s)) ==
          "throttle: leaves calls out while too few succeed\n"
          "  limit: refuses while as many calls as it has found right are inside\n"
          "    timeout: bounds all that is inside, 2 s\n"
          "      your function\n"
          "at most 1 attempt in 2 s; may be refused: timed out, throttled, limit exceeded\n");
    static retry_budget budget;
    CHECK(text_of(timeout(500ms) | retry<>({.budget = &budget}) | throttle | rate_limit({.rate = 5, .burst = 5})) ==
          "timeout: bounds all that is inside, 500 ms\n"
          "  retry: runs what fails again, up to 3 times, waits for up to 30 ms\n"
          "    throttle: leaves calls out while too few succeed\n"
          "      rate_limit: refuses what comes too fast\n"
          "        your function\n"
          "at most 3 attempts in 500 ms; may be refused: timed out, rate limited, throttled\n");
    CHECK(text_of(breaker<> | fallback([](const failure&) { return 1; }) | timeout(10ms)) ==
          "breaker: refuses while its circuit is open\n"
          "  fallback: answers for what fails\n"
          "    timeout: bounds all that is inside, 10 ms\n"
          "      your function\n"
          "at most 1 attempt in 10 ms; may be refused: circuit open\n");
    CHECK(text_of(fallback(1).failing_if([](const failure& f) { return f == errc::timed_out; }) | timeout(10ms) |
                  breaker<>) == "fallback: answers for the failures it is for\n"
                                "  timeout: bounds all that is inside, 10 ms\n"
                                "    breaker: refuses while its circuit is open\n"
                                "      your function\n"
                                "at most 1 attempt in 10 ms; may be refused: timed out, circuit open\n");
}

TEST_CASE("explain is constant evaluation's, too") {
    constexpr auto account = explain(timeout(1h) | retry<constant>({.attempts = 5, .backoff = {.every = 1ns}}));
    static_assert(account.attempts == 5);
    static_assert(account.duration == nanos(1h));
    static_assert(account.can_be(errc::timed_out) && !account.can_be(errc::circuit_open));
    CHECK(account.text().starts_with("timeout: bounds all that is inside, 1 h\n"));
    CHECK(account.text().find("waits for up to 4 ns") != std::string::npos);
}

TEST_CASE("attempts of nested retries multiply, and waits add up from the inside out") {
    const auto e = explain(retry<constant>({.attempts = 2, .backoff = {.every = 1s}}) |
                           retry<constant>({.attempts = 3, .backoff = {.every = 10ms}}) | timeout(100ms));
    CHECK(e.attempts == 6);
    CHECK(e.duration == nanos(2 * (3 * 100ms + 2 * 10ms) + 1s));
    const auto most = std::numeric_limits<int>::max();
    const auto many = explain(retry<>({.attempts = most}) | retry<>({.attempts = most}) | retry<>({.attempts = most}));
    CHECK(many.attempts == std::numeric_limits<std::uint64_t>::max());
    CHECK(many.duration == nanos::max());
}

TEST_CASE("what a fallback answers does not come out; what refuses outside it does") {
    const auto e = explain(breaker<> | answering{} | timeout);
    CHECK(e.can_be(errc::circuit_open));
    CHECK(!e.can_be(errc::timed_out));
}

TEST_CASE("the longest waits of a backoff are those it can draw") {
    const auto waits = [](const auto& backoff, std::uint64_t retries) {
        return detail::longest_waits(backoff, retries);
    };
    CHECK(waits(exp_jitter{.base = 10ms, .factor = 2, .cap = 50ms}, 4) == nanos(10ms + 20ms + 40ms + 50ms));
    CHECK(waits(equal_jitter{.base = 10ms, .factor = 2, .cap = 1s}, 2) == nanos(30ms));
    CHECK(waits(decorrelated_jitter{.base = 10ms, .factor = 3, .cap = 50ms}, 3) == nanos(30ms + 50ms + 50ms));
    CHECK(waits(linear{.base = 10ms, .step = 5ms, .cap = 1s}, 3) == nanos(45ms));
    CHECK(waits(fibonacci{.base = 10ms, .cap = 1s}, 4) == nanos(70ms));
    CHECK(waits(constant{.every = 1ms}, 5000) == nanos(5s));
    CHECK(waits(constant{}, 0) == nanos(0));
}

TEST_CASE("no delay that is drawn is longer than the longest") {
    const auto never_longer = [](const auto& backoff) {
        random_source random(7);
        for (int call = 0; call < 200; ++call) {
            nanos previous;
            for (std::uint64_t n = 1; n < 20; ++n) {
                previous = backoff.delay(n, previous, random);
                REQUIRE(previous <= backoff.longest(n));
            }
        }
    };
    never_longer(exp_jitter{});
    never_longer(equal_jitter{});
    never_longer(decorrelated_jitter{});
}

TEST_CASE("of a schedule with more delays than are looked at, nothing is said of how long it waits") {
    std::array<std::chrono::milliseconds, 1200> delays{};
    const auto e = explain(retry_on(schedule{delays}));
    CHECK(e.attempts == 2147483647);
    CHECK(text_of(retry_on(schedule{delays}, 1001)).find("up to 1001 times\n") != std::string::npos);
    CHECK(explain(retry_on(schedule{delays}) | timeout(1ms)).duration == nanos::max());
}

TEST_CASE("a range of delays without an end can be looked at in a constant expression") {
    constexpr auto account = explain(timeout(1s) | strict(retry_on(endless{}) | breaker<>));
    static_assert(account.attempts == 2147483647 && account.duration == nanos(1s));
    static_assert(explain(retry_on(endless{}, 4)).attempts == 4);
    CHECK(account.text().find("retry: runs what fails again, up to 2147483647 times, waits without a bound\n") !=
          std::string::npos);
    static_pipeline<timeout(10ms) | retry_on(endless{}), manual_clock> p;
    int made = 0;
    CHECK(p([&] { return ++made < 4 ? throw made : made; }) == 4);
    CHECK(p.clock().now() == time_point(6ms));
}
