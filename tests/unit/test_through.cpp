// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/through.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>

using namespace std::chrono_literals;
using keel::circuit_state;
using support::bad;
using support::good;
using support::refused;

namespace {
using shared_circuit = keel::circuit<keel::consecutive_failures, keel::manual_clock>;
constexpr shared_circuit::config_type quick{.window = {.failures = 2}, .open_for = 10s, .half_open_calls = 1};
keel::circuit<keel::consecutive_failures> everywhere;
} // namespace

TEST_CASE("pipelines share a circuit: what one of them sees, all act on") {
    keel::manual_clock clock;
    shared_circuit payments{quick};
    keel::pipeline a{keel::timeout(1s) | keel::through(payments), clock};
    keel::pipeline b{keel::through(payments), clock};
    CHECK(&a.circuit() == &payments);
    CHECK(&b.circuit() == &payments);
    a(bad);
    b(bad);
    CHECK(payments.state() == circuit_state::open);
    CHECK(a(good).error() == refused);
    CHECK(b(good).error() == refused);
    clock.advance(10s);
    CHECK(b(good).has_value());
    CHECK(a(good).has_value());
    CHECK(payments.state() == circuit_state::closed);
}

TEST_CASE("a shared circuit outlives the pipelines that use it") {
    keel::manual_clock clock;
    shared_circuit payments{quick};
    for (int i = 0; i < 2; ++i) {
        keel::pipeline p{keel::through(payments), clock};
        p(bad);
    }
    CHECK(payments.state() == circuit_state::open);
}

TEST_CASE("each pipeline tells a shared circuit by rules of its own what counts") {
    keel::manual_clock clock;
    shared_circuit payments{quick};
    keel::pipeline strict{keel::through(payments), clock};
    keel::pipeline lenient{keel::through(payments).ignoring<std::logic_error>().failing_if([](int v) { return v < 0; }),
                           clock};
    for (int i = 0; i < 5; ++i)
        CHECK_THROWS_AS(lenient([]() -> int { throw std::logic_error("x"); }), std::logic_error);
    CHECK(payments.state() == circuit_state::closed);
    CHECK(lenient([] { return -1; }) == -1);
    CHECK_THROWS_AS(strict([]() -> int { throw std::logic_error("x"); }), std::logic_error);
    CHECK(payments.state() == circuit_state::open);
}

TEST_CASE("a circuit with static storage can be named in the chain of a static pipeline") {
    keel::static_pipeline<keel::timeout | keel::through(everywhere)> p;
    CHECK(p([] { return 1; }) == 1);
    CHECK(&p.circuit() == &everywhere);
}

TEST_CASE("a call goes through two circuits, of which the inner one may refuse without the outer one counting it") {
    keel::manual_clock clock;
    shared_circuit outer{quick}, inner{{.window = {.failures = 1}, .open_for = 10s}};
    keel::pipeline p{keel::through(outer) | keel::through(inner), clock};
    p(bad);
    for (int i = 0; i < 5; ++i)
        CHECK(p(bad).error() == refused);
    CHECK(inner.state() == circuit_state::open);
    CHECK(outer.state() == circuit_state::closed);
    CHECK(&p.circuit<0>() == &outer);
    CHECK(&p.circuit<1>() == &inner);
}
