// SPDX-License-Identifier: BSL-1.0
// A ticket has no function of the user's that could throw, but policies have.
#include <keel/backoff/constant.hpp>
#include <keel/bulkhead.hpp>
#include <keel/chaos.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/fallback.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;

namespace {
struct boom : std::runtime_error {
    boom()
      : std::runtime_error("boom") {}
};
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto permits = keel::named<"permits">(keel::bulkhead({.permits = 1}));
const std::error_code busy = std::make_error_code(std::errc::device_or_resource_busy);
constexpr auto when_busy = [](const std::error_code& e) { return e == std::errc::device_or_resource_busy; };
} // namespace

TEST_CASE("an exception of a policy's function passes through, and the ticket has ended") {
    keel::manual_clock clock;
    keel::pipeline p{permits | keel::fallback([] { throw boom(); }), clock};
    auto t = p.begin();
    CHECK_THROWS_AS(t.failure(), boom);
    CHECK(!t);
    CHECK(!t.waiting());
    CHECK(t.error() == keel::errc{});
    CHECK(p.get<"permits">().in_flight() == 0);
}

TEST_CASE("an exception when it begins leaves nothing behind") {
    keel::manual_clock clock;
    keel::pipeline p{permits | keel::chaos({.rate = 1}).behavior([] { throw boom(); }), clock};
    CHECK_THROWS_AS(static_cast<void>(p.begin()), boom);
    CHECK(p.get<"permits">().in_flight() == 0);

    keel::pipeline q{permits | keel::rate_limit({.rate = 1}).costing([](const keel::context&) -> int { throw boom(); }),
                     clock};
    CHECK_THROWS_AS(static_cast<void>(q.begin()), boom);
    CHECK(q.get<"permits">().in_flight() == 0);
}

TEST_CASE("an exception is an outcome that a retry can try again") {
    keel::manual_clock clock;
    int answers = 0;
    const auto answer = [&] {
        if (++answers < 3) throw boom();
    };
    keel::pipeline p{permits | thrice.failing_on<boom>() | keel::fallback(answer).failing_if(when_busy), clock};
    auto t = p.begin();
    CHECK(t.failure(busy));
    auto moved = std::move(t);
    clock.advance(10ms);
    CHECK(moved.resume());
    CHECK(moved.failure(busy));
    clock.advance(10ms);
    CHECK(moved.resume());
    CHECK(!moved.failure(busy)); // now there is an answer
    CHECK(moved.result());
    CHECK(answers == 3);
    CHECK(p.get<"permits">().in_flight() == 0);
}

TEST_CASE("an exception outlasts a wait that nothing comes of, or ends with it") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | permits | thrice | keel::fallback([] { throw boom(); }).failing_if(when_busy),
                     clock};
    auto t = p.begin();
    CHECK(t.failure(busy));
    clock.advance(1s);
    CHECK_THROWS_AS(t.resume(), boom); // too late for another attempt
    CHECK(!t.waiting());
    CHECK(p.get<"permits">().in_flight() == 0);
    {
        auto dropped = p.begin();
        CHECK(dropped.failure(busy));
    }
    CHECK(p.get<"permits">().in_flight() == 0);

    // A policy further out sees it as what it is.
    keel::pipeline q{keel::fallback([] {}).failing_on<boom>() | keel::timeout(1s) | thrice |
                         keel::fallback([] { throw boom(); }).failing_if(when_busy),
                     clock};
    auto u = q.begin();
    CHECK(u.failure(busy));
    clock.advance(1s);
    CHECK(!u.resume());
    CHECK(u.result());
}
