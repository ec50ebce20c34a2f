// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/error.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <expected>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::errc;

namespace {
constexpr auto opens_at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s});
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
const std::error_code io_error = std::make_error_code(std::errc::io_error);
const std::error_code cancelled = std::make_error_code(std::errc::operation_canceled);
} // namespace

TEST_CASE("a ticket is a call: admitted when it begins, settled when it is told how it went") {
    keel::manual_clock clock;
    keel::pipeline p{opens_at_once, clock};
    auto t = p.begin();
    REQUIRE(t);
    CHECK(!t.waiting());
    CHECK(t.attempt() == 1);
    CHECK(t.deadline() == keel::no_deadline);
    CHECK(t.delay() == 0ns);
    CHECK(t.retry_after() == 0ns);
    CHECK(!t.success());
    CHECK(!t);
    CHECK(!t.waiting());
    CHECK(t.error() == errc{});
    CHECK(t.result());
    CHECK(t.attempt() == 1);
    auto u = p.begin();
    CHECK(!u.failure());
    CHECK(u.error() == errc{});
    CHECK(u.result() == std::unexpected(io_error));
    CHECK(p.circuit().state() == circuit_state::open);
    CHECK(p.circuit().stats().totals.successes == 1);
    CHECK(p.circuit().stats().totals.failures == 1);
}

TEST_CASE("a ticket that is refused says why, and when to ask again") {
    keel::manual_clock clock;
    keel::pipeline once{keel::timeout(1s) | opens_at_once, clock};
    static_cast<void>(once.begin().failure());
    clock.advance(4s);
    const auto refused = once.begin();
    CHECK(!refused);
    CHECK(!refused.waiting());
    CHECK(refused.error() == errc::circuit_open);
    CHECK(refused.retry_after() == 6s);
    CHECK(refused.attempt() == 0);
    CHECK(refused.delay() == 0s);
    CHECK(refused.result() == std::unexpected(make_error_code(errc::circuit_open)));
    CHECK(once.circuit().stats().totals.rejected == 1);
}

TEST_CASE("with a retry, a failure says when to try again") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | thrice | keel::named<"permits">(keel::bulkhead({.permits = 1})), clock};
    auto t = p.begin();
    CHECK(t.deadline() == keel::time_point(1s));
    for (std::uint32_t attempt = 1; attempt < 3; ++attempt) {
        REQUIRE(t);
        CHECK(t.attempt() == attempt);
        const auto next = t.failure();
        CHECK(next);
        CHECK(next.delay == 10ms);
        CHECK(!t);
        CHECK(t.waiting());
        CHECK(t.delay() == 10ms);
        CHECK(p.get<"permits">().in_flight() == 0);
        clock.advance(next.delay);
        CHECK(t.resume());
        CHECK(!t.waiting());
        CHECK(p.get<"permits">().in_flight() == 1);
        CHECK(t.deadline() == keel::time_point(1s));
    }
    CHECK(t.attempt() == 3);
    CHECK(!t.failure());
    CHECK(!t);
    CHECK(t.error() == errc{});
    CHECK(t.result() == std::unexpected(io_error));
    CHECK(p.get<"permits">().in_flight() == 0);
}

TEST_CASE("an attempt that succeeds after others have failed is the call's success") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | keel::breaker<keel::consecutive_failures>, clock};
    auto t = p.begin();
    CHECK(t.failure());
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(!t.success());
    CHECK(t.result());
    CHECK(t.attempt() == 2);
    CHECK(p.circuit().stats().totals.successes == 1);
    CHECK(p.circuit().stats().totals.failures == 1);
}

TEST_CASE("a failure can know when the next attempt makes sense") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | thrice, clock};
    auto t = p.begin();
    CHECK(t.failure(io_error, 40ms).delay == 40ms);
    clock.advance(40ms);
    CHECK(t.resume());
    CHECK(t.failure(io_error, 5ms).delay == 10ms); // no less than the backoff
    clock.advance(10ms);
    CHECK(t.resume());
    auto u = p.begin();
    CHECK(!u.failure(io_error, 1s)); // which would be too late
    CHECK(u.retry_after() == 1s);
    CHECK(u.result() == std::unexpected(io_error));
}

TEST_CASE("to a policy a failure is its error code") {
    keel::manual_clock clock;
    const auto busy = [](const std::error_code& e) { return e == std::errc::device_or_resource_busy; };
    keel::pipeline p{thrice.failing_if(busy) | opens_at_once.ignoring_if(busy), clock};
    auto t = p.begin();
    CHECK(t.failure(std::make_error_code(std::errc::device_or_resource_busy)));
    CHECK(p.circuit().state() == circuit_state::closed);
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(!t.failure(io_error));
    CHECK(p.circuit().state() == circuit_state::open);
}

TEST_CASE("what is ignored counts as nothing") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | opens_at_once, clock};
    auto t = p.begin();
    CHECK(!t.ignore());
    CHECK(t.result() == std::unexpected(cancelled));
    CHECK(p.circuit().state() == circuit_state::closed);
    CHECK(p.circuit().stats().totals.ignored == 1);
}

TEST_CASE("a success that comes too late is a failure of the call") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | keel::timeout(1s), clock};
    auto t = p.begin();
    clock.advance(2s);
    const auto next = t.success();
    CHECK(next);
    CHECK(next.delay == 10ms);
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(t.deadline() == keel::time_point(3s + 10ms));
    CHECK(!t.success());
    CHECK(t.error() == errc{});

    keel::pipeline once{keel::timeout(1s), clock};
    auto late = once.begin();
    clock.advance(1s + 1ns);
    CHECK(!late.success());
    CHECK(late.error() == errc::timed_out);
}

TEST_CASE("tickets can be kept, moved and replaced in whichever state they are") {
    keel::manual_clock clock;
    keel::pipeline p{thrice | keel::named<"permits">(keel::bulkhead({.permits = 4})), clock};
    using ticket = decltype(p.begin());
    static_assert(std::movable<ticket> && !std::copyable<ticket>);
    std::vector<ticket> requests;
    for (int i = 0; i < 3; ++i)
        requests.push_back(p.begin());
    CHECK(requests[1].failure());
    CHECK(requests[2].failure());
    clock.advance(10ms);
    CHECK(requests[2].resume());
    requests.push_back(p.begin());
    CHECK(requests[0].attempt() == 1);
    CHECK(requests[1].waiting());
    CHECK(requests[1].delay() == 10ms);
    CHECK(requests[2].attempt() == 2);
    CHECK(p.get<"permits">().in_flight() == 3);

    requests[0] = std::move(requests[2]); // an attempt is dropped, and another one goes on in its place
    CHECK(p.get<"permits">().in_flight() == 2);
    CHECK(requests[0].attempt() == 2);
    CHECK(!requests[2]);
    CHECK(!requests[2].waiting());
    CHECK(!requests[0].success());
    ticket& same = requests[1];
    requests[1] = std::move(same);
    CHECK(requests[1].resume());
    CHECK(!requests[1].success());
    CHECK(!requests[3].success());
    requests[3] = p.begin();
    CHECK(p.get<"permits">().in_flight() == 1);
    requests.clear();
    CHECK(p.get<"permits">().in_flight() == 0);
}
