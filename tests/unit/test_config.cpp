// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;

namespace {
template <class Make>
std::string message(Make make) {
    try {
        make();
    } catch (const keel::invalid_config& e) {
        return e.what();
    }
    return "accepted";
}
} // namespace

TEST_CASE("a value out of range is refused by policy, field, value and range") {
    using namespace keel;
    CHECK(message([] { breaker<sliding_window>({.failure_rate = 1.5}); }) ==
          "keel: breaker.failure_rate = 1.5: must be above 0 and at most 1");
    CHECK(message([] { breaker<sliding_window>({.failure_rate = 0}); }).starts_with("keel: breaker.failure_rate = 0"));
    CHECK(
        message([] { breaker<sliding_window>({.minimum_calls = 0}); }).starts_with("keel: breaker.minimum_calls = 0"));
    CHECK(message([] {
              breaker<sliding_window>({.window = {.calls = 0}});
          }).starts_with("keel: breaker.window.calls = 0"));
    CHECK(message([] {
              breaker<sliding_window>({.window = {.calls = 1000}});
          }).find("sliding_window_options::failures") != std::string::npos);
    CHECK(message([] { breaker<sliding_window>({.open_for = 0s}); }).starts_with("keel: breaker.open_for = 0"));
    CHECK(message([] {
              breaker<sliding_window>({.half_open_calls = 128});
          }).starts_with("keel: breaker.half_open_calls = 128"));
    CHECK(message([] {
              breaker<sliding_window>({.half_open_max_wait = -1s});
          }).starts_with("keel: breaker.half_open_max_wait"));
    CHECK(message([] {
              breaker<sliding_window>({.growth = {.factor = 0.5}});
          }).starts_with("keel: breaker.growth.factor = 0.5"));
    CHECK(message([] { breaker<sliding_time_window>({.window = {.span = 10s, .buckets = 17}}); }).find("buckets (16") !=
          std::string::npos);
    CHECK(message([] {
              breaker<sliding_time_window>({.window = {.span = 10s, .buckets = 3}});
          }).find("whole multiple") != std::string::npos);
    CHECK(message([] {
              breaker<consecutive_failures>({.window = {.failures = 0}});
          }).starts_with("keel: breaker.window.failures = 0"));
    CHECK(message([] { retry<exp_jitter>({.backoff = {.base = 2s}}); }).starts_with("keel: retry.backoff.cap"));
    CHECK(message([] {
              retry<exp_jitter>({.backoff = {.factor = 0.9}});
          }).starts_with("keel: retry.backoff.factor = 0.9"));
    CHECK(message([] { ticker{0s}; }).starts_with("keel: ticker.period = 0"));
    CHECK(message([] { breaker<sliding_window>({.window = {.calls = 512}}); }) == "accepted");
}

TEST_CASE("durations beyond what fits are refused and not wrapped") {
    CHECK(keel::nanos(std::chrono::hours::max()) == keel::nanos::max());
    CHECK(keel::nanos(std::chrono::hours::min()) == keel::nanos::min());
    CHECK(keel::nanos(std::chrono::duration<double>(0.0 / 0.0)) == keel::nanos::min());
    CHECK(keel::nanos(std::chrono::duration<double>(1.5)) == keel::nanos(1500ms));
    CHECK(message([] { keel::timeout(std::chrono::duration<double>(1e300)); }).starts_with("keel: timeout.after"));
}

TEST_CASE("the first thing wrong with a chain is found from the outside in") {
    auto broken = keel::timeout;
    broken.config.after = keel::nanos(-1);
    CHECK(message([&] { keel::pipeline p{broken | keel::retry<>}; }).starts_with("keel: timeout.after = -1"));
}
