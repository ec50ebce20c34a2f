// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <expected>
#include <stdexcept>

using namespace std::chrono_literals;
using keel::time_point;

namespace {
constexpr auto steady_retry = keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 10ms}});
struct hinted {
    std::chrono::milliseconds after;
    std::chrono::milliseconds retry_after() const { return after; }
};
struct hinted_exception : std::runtime_error, keel::retry_after_hint {
    explicit hinted_exception(keel::nanos after)
      : std::runtime_error("busy")
      , keel::retry_after_hint(after) {}
};
using result = std::expected<int, hinted>;

/// How long a pipeline with this chain takes when the function fails for ever with what `fail` says.
template <class Chain, class Fail>
std::chrono::nanoseconds waits(const Chain& chain, Fail fail) {
    keel::manual_clock clock;
    keel::pipeline p{chain, clock};
    static_cast<void>(p.attempt(fail));
    return clock.now().time_since_epoch();
}
auto error_after(std::chrono::milliseconds d) {
    return [d]() -> result { return std::unexpected(hinted{d}); };
}
auto exception_after(keel::nanos d) {
    return [d]() -> int { throw hinted_exception(d); };
}
} // namespace

TEST_CASE("retry waits as long as the failure asks for, by an error or by an exception") {
    CHECK(waits(steady_retry, error_after(40ms)) == 40ms);
    CHECK(waits(steady_retry, exception_after(70ms)) == 70ms);
    keel::manual_clock clock;
    keel::pipeline p{steady_retry, clock};
    const auto r = p([&]() -> result { return std::unexpected(hinted{40ms}); });
    CHECK(r.error().error()->after == 40ms);
    CHECK(clock.now() == time_point(40ms));
}

TEST_CASE("retry waits as long as a rejection of another pipeline asks for, where it is told to retry it") {
    const auto refused = [] { throw keel::rejected(keel::errc::rate_limited, 70ms); };
    CHECK(waits(steady_retry.failing_on<keel::rejected>(), refused) == 70ms);
    CHECK(waits(steady_retry, refused) == 0ms);
    CHECK(waits(steady_retry, [] { throw keel::rejected(keel::errc::timed_out); }) == 10ms);
}

TEST_CASE("retry waits no less than its backoff, whatever the failure asks for") {
    CHECK(waits(steady_retry, error_after(3ms)) == 10ms);
    CHECK(waits(steady_retry, error_after(-3h)) == 10ms);
    CHECK(waits(steady_retry, exception_after(0s)) == 10ms);
    CHECK(waits(steady_retry, [] { return result(1); }) == 0ms);
}

TEST_CASE("a value that counts as a failure asks for no wait") {
    const auto until_one = steady_retry.failing_if([](int v) { return v != 1; });
    CHECK(waits(until_one, [] { return result(2); }) == 10ms);
    CHECK(waits(until_one, [] { return result(1); }) == 0ms);
}

TEST_CASE("retry ends now where what the failure asks for does not fit before the deadline") {
    CHECK(waits(keel::timeout(1s) | steady_retry, error_after(1000ms)) == 0ms);
    CHECK(waits(keel::timeout(1s) | steady_retry, error_after(999ms)) == 999ms);
    CHECK(waits(keel::timeout(1s) | steady_retry, exception_after(keel::nanos::max())) == 0ms);
}

TEST_CASE("a hint holds for the attempt after it only") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}), clock};
    int n = 0;
    static_cast<void>(p([&]() -> result { return std::unexpected(hinted{++n == 1 ? 50ms : 0ms}); }));
    CHECK(clock.now() == time_point(60ms));
}
