// SPDX-License-Identifier: BSL-1.0
// Compiled without assertions: what a ticket is not in a state for does nothing.
#include <keel/backoff/constant.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;

#if !defined(NDEBUG)
#error "this is to be compiled with NDEBUG"
#endif

TEST_CASE("a failure without an error is one all the same") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 10ms}}), clock};
    auto t = p.begin();
    CHECK(t.failure(std::error_code()));
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(!t.failure(std::error_code()));
    CHECK(t.result().error() == std::errc::io_error);
}

TEST_CASE("what does not fit the state of a ticket does nothing") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}) |
                         keel::named<"permits">(keel::bulkhead({.permits = 2})),
                     clock};
    const auto in_flight = [&] { return p.get<"permits">().in_flight(); };
    auto t = p.begin();
    CHECK(!t.resume());
    CHECK(t);
    CHECK(t.failure());
    CHECK(!t.failure());
    CHECK(!t.success());
    CHECK(t.waiting());
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(!t.resume());
    CHECK(t);
    CHECK(in_flight() == 1);
    auto moved = std::move(t);
    CHECK(!t.success());
    CHECK(!t.resume());
    CHECK(in_flight() == 1);
    CHECK(!moved.success());
    CHECK(!moved.success());
    CHECK(!moved.ignore());
    CHECK(in_flight() == 0);
    auto u = p.begin();
    CHECK(!u.success());
    CHECK(!u.success());
    CHECK(!u.failure());
    CHECK(!u.waiting());
    CHECK(u.result());
    CHECK(in_flight() == 0);
}
