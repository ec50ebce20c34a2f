// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/backoff/exponential.hpp>
#include <keel/backoff/schedule.hpp>
#include <keel/backoff/views.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <range/v3/view/take.hpp>

#include <chrono>
#include <cstdint>
#include <expected>
#include <ostream>
#include <stdexcept>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using keel::time_point;

namespace {
constexpr auto steady_retry = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
struct flag {
    bool raised = false;
    bool stop_requested() const noexcept { return raised; }
};

/// Sleeps longer than asked, and tells when it slept.
struct sluggish_clock : keel::manual_clock {
    keel::nanos too_long{};
    flag* raises = nullptr;

    void sleep_until(time_point t) const {
        keel::manual_clock::sleep_until(t + too_long);
        if (raises != nullptr) raises->raised = true;
    }
};
} // namespace

TEST_CASE("retry invokes the function at most `attempts` times and waits in between") {
    keel::manual_clock clock;
    keel::pipeline p{steady_retry, clock};
    std::vector<std::uint32_t> numbers;
    const auto r = p.attempt([&](const keel::context& c) -> int {
        numbers.push_back(c.attempt());
        throw 1;
    });
    CHECK(!r);
    CHECK(numbers == std::vector<std::uint32_t>{1, 2, 3});
    CHECK(clock.now() == time_point(20ms));
}

TEST_CASE("retry with one attempt does not retry") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<>({.attempts = 1}), clock};
    int n = 0;
    CHECK_THROWS_AS(p([&]() -> int { throw ++n; }), int);
    CHECK(n == 1);
    CHECK(clock.now() == time_point(0s));
}

TEST_CASE("retry can go on for very many attempts") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::exponential>({.attempts = 5000}), clock};
    std::uint32_t last = 0;
    CHECK_THROWS_AS(p([&](const keel::context& c) -> int {
                        last = c.attempt();
                        throw 1;
                    }),
                    int);
    CHECK(last == 5000);
    CHECK(clock.now() > time_point(4990s)); // at the cap, and not at zero, from the eighth on
}

TEST_CASE("retry returns the last failure unchanged") {
    keel::manual_clock clock;
    keel::pipeline p{steady_retry, clock};
    int n = 0;
    const auto r = p([&]() -> std::expected<int, std::error_code> {
        return std::unexpected(std::error_code(++n, std::generic_category()));
    });
    CHECK(r.error() == std::error_code(3, std::generic_category()));
    try {
        p([&]() -> int { throw n++; });
        FAIL("must throw");
    } catch (int last) {
        CHECK(last == 5);
    }
}

TEST_CASE("retry ends with the first success") {
    keel::manual_clock clock;
    keel::pipeline p{steady_retry, clock};
    int n = 0;
    CHECK(p([&] { return ++n < 2 ? throw 1 : n; }) == 2);
    CHECK(clock.now() == time_point(10ms));
}

TEST_CASE("retry begins its backoff anew with each call") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::exponential>({.attempts = 4}), clock};
    for (int call = 1; call <= 3; ++call) {
        CHECK(!p.attempt([]() -> int { throw 1; }));
        CHECK(clock.now() == time_point(call * (10ms + 20ms + 40ms)));
    }
}

TEST_CASE("retry does not wait to the deadline or past it") {
    keel::manual_clock clock;
    int n = 0;
    const auto fail = [&]() -> int {
        ++n;
        throw 1;
    };
    keel::pipeline at{keel::timeout(10ms) | steady_retry, clock};
    CHECK_THROWS_AS(at(fail), int);
    CHECK(n == 1);
    CHECK(clock.now() == time_point(0ms));
    keel::pipeline before{keel::timeout(10ms + 1ns) | steady_retry, clock};
    CHECK_THROWS_AS(before(fail), int);
    CHECK(n == 3);
}

TEST_CASE("retry counts the time of the attempts towards the deadline") {
    keel::manual_clock clock;
    int n = 0;
    keel::pipeline p{keel::timeout(35ms) | steady_retry, clock};
    CHECK_THROWS_AS(p([&]() -> int {
                        clock.advance(8ms);
                        throw ++n;
                    }),
                    int);
    CHECK(n == 2); // the second wait would have ended at 36 ms
    CHECK(clock.now() == time_point(26ms));
}

TEST_CASE("retry begins no attempt once the deadline has passed in a wait that was too long") {
    int n = 0;
    const auto fail = [&](const keel::context& c) -> int {
        CHECK(c.remaining() > 0ns);
        throw ++n;
    };
    sluggish_clock clock;
    clock.too_long = 25ms; // the waits of 10 ms end at 35 and at 70
    keel::pipeline at{keel::timeout(70ms) | steady_retry, clock};
    CHECK_THROWS_AS(at(fail), int);
    CHECK(n == 2);
    CHECK(clock.now() == time_point(70ms));
    keel::pipeline before{keel::timeout(70ms + 1ns) | steady_retry, clock};
    n = 0;
    CHECK_THROWS_AS(before(fail), int);
    CHECK(n == 3);
}

TEST_CASE("an attempt that can't begin any more leaves what is left of it to a retry further out") {
    sluggish_clock clock;
    clock.too_long = 25ms;
    keel::pipeline p{keel::timeout(1s) | steady_retry | keel::timeout(30ms) | steady_retry, clock};
    std::vector<std::uint32_t> numbers;
    CHECK_THROWS_AS(p([&](const keel::context& c) -> int {
                        numbers.push_back(c.attempt());
                        throw 1;
                    }),
                    int);
    CHECK(numbers == std::vector<std::uint32_t>{1, 2, 3});
    CHECK(clock.now() == time_point(5 * 35ms));
}

TEST_CASE("retry begins no attempt once a stop is requested in a wait") {
    flag stop;
    sluggish_clock clock;
    clock.raises = &stop;
    keel::pipeline p{steady_retry, clock};
    int n = 0;
    CHECK_THROWS_AS(p(keel::context(stop), [&]() -> int { throw ++n; }), int);
    CHECK(n == 1);
    CHECK(clock.now() == time_point(10ms));
}

TEST_CASE("retry does not retry an open circuit unless asked") {
    keel::manual_clock clock;
    const auto breaker =
        keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 1s, .growth = {.jitter = 0}});
    int n = 0;
    const auto fail = [&]() -> int {
        ++n;
        throw 1;
    };
    keel::pipeline p{steady_retry | breaker, clock};
    CHECK(p.attempt(fail).error() == keel::errc::circuit_open);
    CHECK(n == 1);
    CHECK(clock.now() == time_point(10ms));
    keel::pipeline q{
        keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 1s}, .when_open = true}) | breaker, clock};
    CHECK_THROWS_AS(q(fail), int);
    CHECK(n == 4);
}

TEST_CASE("retry retries what took too long, whatever its selectors say") {
    keel::manual_clock clock;
    int n = 0;
    keel::pipeline p{
        steady_retry.ignoring_if([](int) { return true; }).failing_on<std::logic_error>() | keel::timeout(1s), clock};
    CHECK(p.attempt([&] {
               clock.advance(2s);
               return ++n;
           }).error() == keel::errc::timed_out);
    CHECK(n == 3);
}

TEST_CASE("retry is told which exceptions are failures, and ignoring wins") {
    keel::manual_clock clock;
    int n = 0;
    keel::pipeline p{steady_retry.failing_on<std::runtime_error>().ignoring<std::range_error>(), clock};
    const auto throwing = [&](auto e) { return [&n, e]() -> int { throw(++n, e); }; };
    CHECK_THROWS_AS(p(throwing(std::runtime_error("x"))), std::runtime_error);
    CHECK(n == 3);
    CHECK_THROWS_AS(p(throwing(std::logic_error("x"))), std::logic_error);
    CHECK(n == 4);
    CHECK_THROWS_AS(p(throwing(std::range_error("x"))), std::range_error);
    CHECK(n == 5);
}

TEST_CASE("retry is told which values and errors are failures") {
    keel::manual_clock clock;
    int n = 0;
    keel::pipeline values{steady_retry.failing_if([](int v) { return v < 3; }), clock};
    CHECK(values([&] { return ++n; }) == 3);
    const auto busy = [](const std::error_code& e) { return e == std::errc::device_or_resource_busy; };
    keel::pipeline errors{steady_retry.failing_if(busy), clock};
    n = 0;
    const auto r = errors([&]() -> std::expected<int, std::error_code> {
        return std::unexpected(
            std::make_error_code(++n == 1 ? std::errc::device_or_resource_busy : std::errc::io_error));
    });
    CHECK(r.error() == std::errc::io_error);
    CHECK(n == 2);
}

TEST_CASE("retry returns the value that it was told is a failure, once its attempts are used up") {
    keel::manual_clock clock;
    keel::pipeline p{steady_retry.failing_if([](int v) { return v < 100; }), clock};
    int n = 0;
    CHECK(p([&] { return ++n; }) == 3);
}

TEST_CASE("a predicate that throws ends the call with its exception, on either lane") {
    keel::manual_clock clock;
    keel::pipeline p{
        steady_retry.failing_if([](int v) { return v == 0 ? throw std::logic_error("predicate") : false; }), clock};
    CHECK_THROWS_AS(p([] { return 0; }), std::logic_error);
    CHECK(p([] { return 1; }) == 1);
    int n = 0;
    CHECK_THROWS_AS(p([&] { return ++n == 1 ? throw 1 : 0; }), std::logic_error);
    CHECK(n == 2);
}

TEST_CASE("retry makes no further attempt once a stop is requested") {
    keel::manual_clock clock;
    keel::pipeline p{steady_retry, clock};
    flag stop;
    int n = 0;
    CHECK_THROWS_AS(p(keel::context(stop),
                      [&](const keel::context& c) -> int {
                          CHECK(!c.stop_requested());
                          ++n;
                          stop.raised = true;
                          CHECK(c.stop_requested());
                          throw 1;
                      }),
                    int);
    CHECK(n == 1);
    CHECK(clock.now() == time_point(0s));
}

TEST_CASE("retry takes any range of durations, and ends where it ends") {
    keel::manual_clock clock;
    int n = 0;
    const auto fail = [&]() -> int {
        ++n;
        throw 1;
    };
    keel::pipeline listed{keel::retry_on(keel::schedule{10ms, 20ms, -5ms}), clock};
    CHECK_THROWS_AS(listed(fail), int);
    CHECK(n == 4);
    CHECK(clock.now() == time_point(30ms));

    n = 0;
    keel::pipeline vec{keel::retry_on(std::vector{1ms, 2ms}, 2), clock};
    CHECK_THROWS_AS(vec(fail), int);
    CHECK(n == 2);

    n = 0;
    keel::pipeline none{keel::retry_on(std::vector<std::chrono::seconds>{}), clock};
    CHECK_THROWS_AS(none(fail), int);
    CHECK(n == 1);
}

TEST_CASE("retry composes schedules with range-v3, and lists delays lazily") {
    keel::manual_clock clock;
    int n = 0;
    keel::pipeline p{keel::retry_on(keel::views::delays(keel::exponential{.base = 1ms}) | ranges::views::take(3)),
                     clock};
    CHECK_THROWS_AS(p([&]() -> int { throw ++n; }), int);
    CHECK(n == 4);
    CHECK(clock.now() == time_point(7ms));
}

TEST_CASE("retry waits for a century where a schedule's delay is beyond every clock, and not at once") {
    keel::manual_clock clock;
    clock.advance(1s);
    keel::pipeline p{keel::retry_on(keel::schedule{std::chrono::hours::max()}), clock};
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(clock.now() == time_point(1s) + keel::longest);
}

TEST_CASE("retry refuses a number of attempts below one, and what its backoff refuses") {
    CHECK_THROWS_WITH_AS(keel::retry<keel::exp_jitter>({.attempts = 0}), "keel: retry.attempts = 0: must be at least 1",
                         keel::invalid_config);
    CHECK_THROWS_WITH_AS(keel::retry<>({.backoff = {.base = 2s}}),
                         "keel: retry.backoff.cap = 1000000000: must be at least backoff.base", keel::invalid_config);
    CHECK(keel::retry<>.config.attempts == 3);
}
