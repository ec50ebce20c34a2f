// SPDX-License-Identifier: BSL-1.0
#include "support/asked_to_stop.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/error.hpp>
#include <keel/fallback.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <expected>
#include <system_error>

using namespace std::chrono_literals;
using keel::errc;
using support::asked_to_stop;

namespace {
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
const std::error_code io_error = std::make_error_code(std::errc::io_error);
} // namespace

TEST_CASE("a ticket has the deadline and the stop of the call around it") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | thrice, clock};
    const keel::context outer{keel::time_point(15ms)};
    auto t = p.begin(outer);
    CHECK(t.deadline() == keel::time_point(15ms));
    clock.advance(6ms);
    CHECK(!t.failure()); // the wait would not end in time
    clock.advance(9ms);
    CHECK(p.begin(outer).error() == errc::timed_out);

    asked_to_stop caller;
    const keel::context stoppable(caller);
    auto u = p.begin(stoppable);
    CHECK(u.failure());
    caller.stop = true;
    CHECK(!u.resume()); // at once
    CHECK(!u.waiting());
    CHECK(u.result() == std::unexpected(io_error));
    auto v = p.begin(stoppable); // the first attempt is made, as in a call that blocks
    CHECK(v);
    CHECK(!v.failure());
}

TEST_CASE("the retries of a ticket are among those of the call around it") {
    keel::manual_clock clock;
    keel::pipeline outer{keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 0ms}}), clock};
    keel::pipeline inner{thrice, clock};
    int attempts = 0;
    const auto gone = outer([&](const keel::context& c) -> std::expected<void, std::error_code> {
        { // dropped while it waits: the retry that it has taken is there again
            auto dropped = inner.begin(c);
            CHECK(dropped.failure());
        }
        auto t = inner.begin(c);
        for (++attempts; t.failure(); ++attempts) {
            clock.advance(10ms);
            CHECK(t.resume());
        }
        return std::unexpected(io_error);
    });
    CHECK(!gone);
    CHECK(attempts == 2);
}

TEST_CASE("what a fallback calls inside of an attempt takes its retries from the ticket's") {
    keel::manual_clock clock;
    keel::pipeline inner{keel::retry<keel::constant>({.attempts = 9, .backoff = {.every = 0ms}}), clock};
    int asked = 0;
    constexpr auto five_times = keel::retry<keel::constant>({.attempts = 5, .backoff = {.every = 10ms}});
    keel::pipeline p{five_times | keel::fallback([&](const keel::failure&, const keel::context& c) {
                                      return inner(c, [&]() -> std::expected<void, std::error_code> {
                                          ++asked;
                                          return std::unexpected(io_error);
                                      });
                                  }).failing_if([](const std::error_code& e) { return e == io_error; }),
                     clock};
    auto t = p.begin();
    CHECK(!t.failure()); // no retry is left for the ticket itself
    CHECK(asked == 5);
    CHECK(t.result() == std::unexpected(io_error));

    asked = 0;
    auto u = p.begin();
    CHECK(u.failure(std::make_error_code(std::errc::timed_out))); // which no fallback answers
    clock.advance(10ms);
    CHECK(u.resume());
    CHECK(!u.failure());
    CHECK(asked == 4);
}
