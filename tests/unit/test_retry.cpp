// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/views.hpp>
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <range/v3/view/take.hpp>

#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;

namespace {
constexpr auto steady_retry = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
struct hinted {
    std::chrono::milliseconds after;
    std::chrono::milliseconds retry_after() const { return after; }
};
struct hinted_exception : std::runtime_error, keel::retry_after_hint {
    hinted_exception()
      : std::runtime_error("busy")
      , keel::retry_after_hint(70ms) {}
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
    CHECK(clock.now().time_since_epoch() == 20ms);
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
    CHECK(clock.now().time_since_epoch() == 10ms);
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
    CHECK(clock.now().time_since_epoch() == 0ms);
    keel::pipeline before{keel::timeout(10ms + 1ns) | steady_retry, clock};
    CHECK_THROWS_AS(before(fail), int);
    CHECK(n == 3);
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
    CHECK(clock.now().time_since_epoch() == 10ms);
    keel::pipeline q{
        keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 1s}, .when_open = true}) | breaker, clock};
    CHECK_THROWS_AS(q(fail), int);
    CHECK(n == 4);
}

TEST_CASE("retry is told which exceptions are failures, and ignoring wins") {
    keel::manual_clock clock;
    int n = 0;
    keel::pipeline p{steady_retry.failing_on<std::runtime_error>().ignoring<std::range_error>(), clock};
    CHECK_THROWS_AS(p([&]() -> int {
                        ++n;
                        throw std::runtime_error("x");
                    }),
                    std::runtime_error);
    CHECK(n == 3);
    CHECK_THROWS_AS(p([&]() -> int {
                        ++n;
                        throw std::logic_error("x");
                    }),
                    std::logic_error);
    CHECK(n == 4);
    CHECK_THROWS_AS(p([&]() -> int {
                        ++n;
                        throw std::range_error("x");
                    }),
                    std::range_error);
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

TEST_CASE("a predicate that throws ends the call with its exception, on either lane") {
    keel::manual_clock clock;
    keel::pipeline p{
        steady_retry.failing_if([](int v) { return v == 0 ? throw std::logic_error("predicate") : false; }), clock};
    CHECK_THROWS_AS(p([] { return 0; }), std::logic_error);
    CHECK(p([] { return 1; }) == 1);
}

TEST_CASE("retry waits as long as the failure asks for") {
    keel::manual_clock clock;
    keel::pipeline p{steady_retry, clock};
    int n = 0;
    CHECK(p([&]() -> std::expected<int, hinted> {
              return ++n == 1 ? std::expected<int, hinted>(std::unexpected(hinted{40ms})) : 1;
          }).value() == 1);
    CHECK(clock.now().time_since_epoch() == 40ms);
    n = 0;
    CHECK(p([&] { return ++n == 1 ? throw hinted_exception() : 1; }) == 1);
    CHECK(clock.now().time_since_epoch() == 110ms);
}

TEST_CASE("retry makes no further attempt once a stop is requested") {
    keel::manual_clock clock;
    keel::pipeline p{steady_retry, clock};
    std::stop_source source;
    const std::stop_token token = source.get_token();
    int n = 0;
    CHECK_THROWS_AS(p(keel::context(token),
                      [&](const keel::context& c) -> int {
                          CHECK(!c.stop_requested());
                          ++n;
                          source.request_stop();
                          CHECK(c.stop_requested());
                          throw 1;
                      }),
                    int);
    CHECK(n == 1);
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
    CHECK(clock.now().time_since_epoch() == 30ms);

    n = 0;
    keel::pipeline vec{keel::retry_on(std::vector{1ms, 2ms}, 2), clock};
    CHECK_THROWS_AS(vec(fail), int);
    CHECK(n == 2);
}

TEST_CASE("retry composes schedules with range-v3, and lists delays lazily") {
    keel::manual_clock clock;
    int n = 0;
    keel::pipeline p{keel::retry_on(keel::views::delays(keel::exponential{.base = 1ms}) | ranges::views::take(3)),
                     clock};
    CHECK_THROWS_AS(p([&]() -> int {
                        ++n;
                        throw 1;
                    }),
                    int);
    CHECK(n == 4);
    CHECK(clock.now().time_since_epoch() == 7ms);
}

TEST_CASE("retry refuses a number of attempts below one") {
    CHECK_THROWS_WITH_AS(keel::retry<keel::exp_jitter>({.attempts = 0}), "keel: retry.attempts = 0: must be at least 1",
                         keel::invalid_config);
}
