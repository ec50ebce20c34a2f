// SPDX-License-Identifier: BSL-1.0
#include <keel/breaker.hpp>
#include <keel/circuit_config.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <string_view>

using namespace std::chrono_literals;
using keel::consecutive_failures;
using keel::sliding_time_window;
using keel::sliding_window;

namespace {
template <class Window>
std::string_view wrong(const keel::breaker_config<Window>& c) {
    const keel::config_error e = c.validate();
    return e ? e.field : "";
}
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
} // namespace

TEST_CASE_TEMPLATE("the defaults of a circuit are those that the documents name", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    const keel::breaker_config<W> c{};
    CHECK(c.open_for == keel::nanos(30s));
    CHECK(c.half_open_calls == 3);
    CHECK(c.half_open_max_wait == keel::nanos(10s));
    CHECK(c.growth.factor == 1);
    CHECK(c.growth.cap == keel::nanos(5min));
    CHECK(c.growth.jitter == 0.1);
    CHECK(!c.validate());
}

TEST_CASE("a window's own defaults are those that the documents name") {
    CHECK(keel::breaker_config<sliding_window>{}.failure_rate == 0.5);
    CHECK(keel::breaker_config<sliding_window>{}.minimum_calls == 20);
    CHECK(sliding_window{}.calls == 100);
    CHECK(sliding_time_window{}.span == keel::nanos(10s));
    CHECK(sliding_time_window{}.buckets == 10);
    CHECK(consecutive_failures{}.failures == 5);
}

TEST_CASE_TEMPLATE("a circuit names the field of its recovery that is out of range", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    using config = keel::breaker_config<W>;
    constexpr auto year = 24h * 365;
    CHECK(wrong(config{.open_for = 1ns}) == "");
    CHECK(wrong(config{.open_for = year, .growth = {.cap = year}}) == "");
    CHECK(wrong(config{.open_for = 0s}) == "open_for");
    CHECK(wrong(config{.open_for = year + 1ns}) == "open_for");
    CHECK(wrong(config{.half_open_calls = 63}) == "");
    CHECK(wrong(config{.half_open_calls = 64}) == "half_open_calls");
    CHECK(wrong(config{.half_open_calls = 0}) == "half_open_calls");
    CHECK(wrong(config{.half_open_max_wait = 0s}) == "half_open_max_wait");
    CHECK(wrong(config{.half_open_max_wait = keel::longest}) == "");
    CHECK(wrong(config{.growth = {.factor = 100}}) == "");
    CHECK(wrong(config{.growth = {.factor = 0.99}}) == "growth.factor");
    CHECK(wrong(config{.growth = {.factor = 100.1}}) == "growth.factor");
    CHECK(wrong(config{.growth = {.factor = not_a_number}}) == "growth.factor");
    CHECK(wrong(config{.growth = {.factor = 2, .cap = 29s}}) == "growth.cap");
    CHECK(wrong(config{.growth = {.factor = 2, .cap = 30s}}) == "");
    CHECK(wrong(config{.growth = {.factor = 1, .cap = 29s}}) == "");
    CHECK(wrong(config{.growth = {.cap = year + 1ns}}) == "growth.cap");
    CHECK(wrong(config{.growth = {.cap = 0s}}) == "growth.cap");
    CHECK(wrong(config{.growth = {.jitter = 1}}) == "");
    CHECK(wrong(config{.growth = {.jitter = 1.1}}) == "growth.jitter");
    CHECK(wrong(config{.growth = {.jitter = -0.1}}) == "growth.jitter");
}

TEST_CASE_TEMPLATE("a circuit names the field of its rate that is out of range", W, sliding_window,
                   sliding_time_window) {
    using config = keel::breaker_config<W>;
    for (const double rate : {0.0, -0.5, 1.0001, not_a_number})
        CHECK(wrong(config{.failure_rate = rate}) == "failure_rate");
    CHECK(wrong(config{.failure_rate = 1}) == "");
    CHECK(wrong(config{.minimum_calls = 0}) == "minimum_calls");
    CHECK(wrong(config{.minimum_calls = 1'000'000}) == "");
}

TEST_CASE_TEMPLATE("a limit of slow calls is above 0 and at most 100 years, or none", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    using config = keel::breaker_config<W>;
    CHECK(config{}.slow_call.longer_than == keel::never);
    CHECK(config{}.slow_call.rate == 1);
    CHECK(wrong(config{.slow_call = {.longer_than = 1ns}}) == "");
    CHECK(wrong(config{.slow_call = {.longer_than = keel::longest}}) == "");
    CHECK(wrong(config{.slow_call = {.longer_than = keel::never}}) == "");
    CHECK(wrong(config{.slow_call = {.longer_than = 0ns}}) == "slow_call.longer_than");
    CHECK(wrong(config{.slow_call = {.longer_than = -1ns}}) == "slow_call.longer_than");
    CHECK(wrong(config{.slow_call = {.longer_than = std::chrono::nanoseconds(keel::longest) + 1ns}}) ==
          "slow_call.longer_than");
}

TEST_CASE_TEMPLATE("a rate of slow calls is above 0 and at most 1", W, sliding_window, sliding_time_window,
                   consecutive_failures) {
    using config = keel::breaker_config<W>;
    for (const double rate : {0.0, -0.5, 1.0001, not_a_number})
        CHECK(wrong(config{.slow_call = {.longer_than = 1s, .rate = rate}}) == "slow_call.rate");
    CHECK(wrong(config{.slow_call = {.longer_than = 1s, .rate = 1}}) == "");
    CHECK(wrong(config{.slow_call = {.longer_than = 1s, .rate = 0.5}}) == (W::by_rate ? "" : "slow_call.rate"));
}

TEST_CASE("a circuit's window is checked once its thresholds are in range") {
    CHECK(wrong(keel::breaker_config<sliding_window>{.window = {.calls = 0}, .failure_rate = 7}) == "failure_rate");
    CHECK(wrong(keel::breaker_config<sliding_window>{.window = {.calls = 0}}) == "window.calls");
    CHECK(wrong(keel::breaker_config<sliding_time_window>{.window = {.buckets = 0}}) == "window.buckets");
    CHECK(wrong(keel::breaker_config<consecutive_failures>{.window = {.failures = 0}}) == "window.failures");
}

TEST_CASE("a count window has room for as many slow calls as trip it") {
    using config = keel::breaker_config<sliding_window>;
    const auto slow = [](int calls) {
        return config{.window = {.calls = calls}, .failure_rate = 0.25, .slow_call = {.longer_than = 1s, .rate = 0.5}};
    };
    CHECK(wrong(slow(512)) == "");
    CHECK(wrong(slow(513)) == "window.calls");
}

TEST_CASE("probes are judged by the thresholds of the closed circuit") {
    using keel::judgement;
    const keel::breaker_config<sliding_window> c{.failure_rate = 0.5, .minimum_calls = 20, .half_open_calls = 4};
    CHECK(c.judge_probes({.calls = 3, .failed = 3}) == judgement::too_few);
    CHECK(c.judge_probes({.calls = 4, .failed = 2}) == judgement::failing);
    CHECK(c.judge_probes({.calls = 4, .failed = 1}) == judgement::healthy);
    const keel::breaker_config<sliding_window> few{.failure_rate = 1, .minimum_calls = 2, .half_open_calls = 4};
    CHECK(few.judge_probes({.calls = 1, .failed = 1}) == judgement::too_few);
    CHECK(few.judge_probes({.calls = 2, .failed = 1}) == judgement::healthy);
    CHECK(few.judge_probes({.calls = 2, .failed = 2}) == judgement::failing);
    const keel::breaker_config<consecutive_failures> row{.half_open_calls = 2};
    CHECK(row.judge_probes({.calls = 1, .failed = 0}) == judgement::too_few);
    CHECK(row.judge_probes({.calls = 1, .failed = 1}) == judgement::failing);
    CHECK(row.judge_probes({.calls = 2, .failed = 0}) == judgement::healthy);
}

TEST_CASE(
    "the longest period there may be is the cap of those that grow, or the first, with all its jitter and a day") {
    using growth = keel::open_period_growth;
    CHECK(growth{.factor = 1.5, .cap = 240h, .jitter = 0.5}.longest(100h) == keel::nanos(384h));
    CHECK(growth{.factor = 1, .cap = 240h, .jitter = 0.5}.longest(100h) == keel::nanos(174h));
}

TEST_CASE("a period that does not grow is neither capped nor rounded, and has its jitter") {
    using growth = keel::open_period_growth;
    constexpr keel::nanos odd = 24h * 200 + 1ns; // no double
    CHECK(growth{.factor = 1, .cap = 1s, .jitter = 0}.period(odd, 3) == odd);
    CHECK(growth{.factor = 1, .cap = 1s, .jitter = 0.5}.period(1h, 3) >= keel::nanos(1h));
    CHECK(growth{.factor = 1, .cap = 1s, .jitter = 1}.period(1h, 3) > keel::nanos(1h));
}
