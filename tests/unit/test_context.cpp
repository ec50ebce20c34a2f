// SPDX-License-Identifier: BSL-1.0
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stop_token>

using namespace std::chrono_literals;
using keel::context;
using keel::time_point;

namespace {
constexpr keel::timeout_policy long_enough = keel::timeout(1h);
struct flag {
    bool raised = false;
    bool stop_requested() const noexcept { return raised; }
};
} // namespace

TEST_CASE("a context of its own has no deadline, asks for no stop, and is the first attempt") {
    const context c;
    CHECK(c.deadline() == keel::no_deadline);
    CHECK(c.remaining() == std::chrono::nanoseconds::max());
    CHECK(c.attempt() == 1);
    CHECK(!c.stop_requested());
}

TEST_CASE("a context with a deadline has what is left of it by the steady clock, and never less than nothing") {
    const time_point soon = keel::steady_clock::now() + 1h;
    const context c(soon);
    CHECK(c.deadline() == soon);
    CHECK(c.remaining() <= 1h);
    CHECK(c.remaining() > 59min);
    CHECK(context(keel::steady_clock::now() - 1ns).remaining() == 0ns);
}

TEST_CASE("a context's deadline may be as long ago as it likes") {
    CHECK(context(time_point::min()).remaining() == 0ns);
}

TEST_CASE("a context that is told its clock has what is left by that one, and so have its copies") {
    keel::manual_clock clock;
    clock.advance(7s);
    const context c(time_point(10s), clock);
    const context copy = c;
    CHECK(c.deadline() == time_point(10s));
    CHECK(c.remaining() == 3s);
    CHECK(c.attempt() == 1);
    CHECK(!c.stop_requested());
    clock.advance(1s);
    CHECK(c.remaining() == 2s);
    CHECK(copy.remaining() == 2s);
    clock.advance(2s);
    CHECK(copy.remaining() == 0s);
    CHECK(context(keel::no_deadline, clock).remaining() == std::chrono::nanoseconds::max());
}

TEST_CASE("a context asks its token whether to stop: the standard one, or any that can say so") {
    std::stop_source source;
    const std::stop_token token = source.get_token();
    const context c(token, time_point(5s));
    CHECK(c.deadline() == time_point(5s));
    CHECK(!c.stop_requested());
    source.request_stop();
    CHECK(c.stop_requested());

    flag own;
    const context d(own);
    CHECK(d.deadline() == keel::no_deadline);
    CHECK(!d.stop_requested());
    own.raised = true;
    CHECK(d.stop_requested());
}

TEST_CASE("a function sees what is left by the clock of its pipeline, at the moment when it asks") {
    keel::manual_clock clock;
    clock.advance(7s);
    keel::pipeline p{keel::timeout(50ms), clock};
    p([&](const context& c) {
        CHECK(c.deadline() == time_point(7s + 50ms));
        CHECK(c.remaining() == 50ms);
        clock.advance(49ms);
        CHECK(c.remaining() == 1ms);
        clock.advance(2ms);
        CHECK(c.remaining() == 0ns);
        clock.advance(-10ms);
    });
}

TEST_CASE("a context hands deadline and stop on through any number of pipelines, and attempts not") {
    keel::manual_clock clock;
    flag stop;
    const context outermost(stop, time_point(20ms));
    keel::pipeline outer{long_enough, clock}, middle{long_enough, clock}, inner{long_enough, clock};
    int calls = 0;
    outer(outermost, [&](const context& a) {
        middle(a, [&](const context& b) {
            inner(b, [&](const context& c) {
                ++calls;
                CHECK(c.remaining() == 20ms);
                CHECK(c.attempt() == 1);
                CHECK(!c.stop_requested());
                stop.raised = true;
                CHECK(c.stop_requested());
                CHECK(a.stop_requested());
            });
        });
    });
    CHECK(calls == 1);
}

TEST_CASE("a copy of a context says the same") {
    flag stop{true};
    const context original(stop, time_point(5s));
    const context copy = original;
    CHECK(copy.deadline() == time_point(5s));
    CHECK(copy.stop_requested());
    stop.raised = false;
    CHECK(!copy.stop_requested());
}
