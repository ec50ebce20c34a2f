// SPDX-License-Identifier: BSL-1.0
#include "support/calls_inside.hpp"
#include "support/cold_only.hpp"
#include "support/hooked_clock.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/explain.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/strict.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <expected>
#include <stdexcept>
#include <string>
#include <system_error>

using namespace std::chrono_literals;
using keel::bulkhead;
using keel::errc;
using support::hooked_clock;
using support::refusal_of;
using support::with_a_call_in;

namespace {
constexpr auto one = bulkhead({.permits = 1});
constexpr auto one_that_waits = bulkhead({.permits = 1, .max_wait = 50ms});
constexpr auto twice = keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 10ms}});

const std::error_code full = keel::make_error_code(errc::bulkhead_full);

/// Throws from the hook that is named.
struct throwing_hook {
    enum class where { nowhere, admit, settle } in = where::nowhere;
    keel::admission admit(keel::call&, auto&) const {
        if (in == where::admit) throw std::logic_error("admit");
        return keel::proceed;
    }
    keel::verdict settle(keel::call&, auto&, auto&) const {
        if (in == where::settle) throw std::logic_error("settle");
        return keel::verdict::keep();
    }
};

} // namespace

TEST_CASE("bulkhead lets in as many calls as it has permits, and refuses the next") {
    keel::pipeline p{bulkhead({.permits = 2})};
    with_a_call_in(p, [&] {
        CHECK(refusal_of(p) == errc{});
        with_a_call_in(p, [&] {
            CHECK(refusal_of(p) == errc::bulkhead_full);
            CHECK(p.state<0>().in_flight() == 2);
        });
        CHECK(refusal_of(p) == errc{});
    });
    CHECK(p.state<0>().in_flight() == 0);
}

TEST_CASE("there are 25 permits if nothing else is said, and no call waits") {
    keel::pipeline p{bulkhead, hooked_clock{}};
    int depth = 0;
    const auto deeper = [&](auto& self) -> int {
        ++depth;
        if (p.attempt([&] { return self(self); })) return 0;
        return 1;
    };
    static_cast<void>(p.attempt([&] { return deeper(deeper); }));
    CHECK(depth == 25);
    CHECK(p.clock().state->sleeps == 0);
}

TEST_CASE("a refusal reaches the caller by exception, as an error code, or as its own alternative") {
    keel::pipeline p{one};
    with_a_call_in(p, [&] {
        try {
            p([] { return 1; });
            FAIL("was let in");
        } catch (const keel::rejected& r) {
            CHECK(r.reason() == errc::bulkhead_full);
            CHECK(r.retry_after() == 0ns); // nobody knows
        }
        CHECK_THROWS_AS(p([] {}), keel::rejected);
        int value = 1;
        CHECK_THROWS_AS(p([&]() -> int& { return value; }), keel::rejected);
        CHECK(p(support::good).error() == full);
        CHECK(p([] { return std::error_code(); }) == full);
        const auto widened = p([]() -> std::expected<int, std::string> { return 1; });
        REQUIRE(!widened);
        static_assert(std::is_same_v<std::remove_cvref_t<decltype(widened.error())>,
                                     keel::error_of<std::string, errc::bulkhead_full>>);
        CHECK(widened.error().reason() == errc::bulkhead_full);
        CHECK(p.attempt([] {}).error() == errc::bulkhead_full);
    });
}

TEST_CASE_TEMPLATE("the permit goes back however the call ends", P, keel::bulkhead_policy<>,
                   support::cold_only<keel::bulkhead_policy<>>) {
    P policy{};
    if constexpr (std::is_same_v<P, keel::bulkhead_policy<>>)
        policy = one;
    else
        policy.inner = one;
    keel::pipeline p{policy};
    const auto is_free = [&] { return p.template state<0>().in_flight() == 0 && p.attempt([] { return 1; }); };
    CHECK(p([] { return 1; }) == 1);
    CHECK(is_free());
    p([] {});
    CHECK(is_free());
    int value = 1;
    CHECK(&p([&]() -> int& { return value; }) == &value);
    CHECK(is_free());
    CHECK(p(support::good).has_value());
    CHECK(is_free());
    CHECK(!p(support::bad));
    CHECK(is_free());
    CHECK(p([] { return std::make_error_code(std::errc::io_error); }) == std::errc::io_error);
    CHECK(is_free());
    CHECK(!p([]() -> std::expected<int, std::string> { return std::unexpected("x"); }));
    CHECK(is_free());
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(is_free());
    CHECK(!p.attempt([]() -> int { throw 1; }));
    CHECK(is_free());
}

TEST_CASE("the permit goes back if a policy further in refuses") {
    keel::manual_clock clock;
    keel::pipeline p{one | keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}), clock};
    CHECK(!p(support::bad));
    CHECK(p(support::good).error() == keel::make_error_code(errc::circuit_open));
    CHECK(p.state<0>().in_flight() == 0);

    keel::pipeline late{one | keel::timeout(10ms), clock};
    CHECK(late.attempt([&] { return clock.advance(20ms), 1; }).error() == errc::timed_out);
    CHECK(late.state<0>().in_flight() == 0);

    keel::pipeline nested{bulkhead({.permits = 2}) | one, clock};
    with_a_call_in(nested, [&] { CHECK(refusal_of(nested) == errc::bulkhead_full); });
    CHECK(nested.state<0>().in_flight() == 0);
    CHECK(nested.state<1>().in_flight() == 0);
}

TEST_CASE("the permit goes back if a hook throws, further in or further out") {
    using where = throwing_hook::where;
    for (const where in : {where::admit, where::settle}) {
        keel::pipeline inside{one | throwing_hook{in}};
        keel::pipeline outside{throwing_hook{in} | one};
        CHECK_THROWS_AS(inside([] { return 1; }), std::logic_error);
        CHECK_THROWS_AS(outside([] { return 1; }), std::logic_error);
        CHECK_THROWS_AS(inside([]() -> int { throw 1; }), std::logic_error);
        CHECK(inside.state<0>().in_flight() == 0);
        CHECK(outside.state<1>().in_flight() == 0);
    }
    const auto throwing_predicate = [](int) -> bool { throw std::logic_error("predicate"); };
    keel::pipeline asked{one | keel::breaker<>.failing_if(throwing_predicate)};
    CHECK_THROWS_AS(asked([] { return 1; }), std::logic_error);
    CHECK(asked.state<0>().in_flight() == 0);
}

TEST_CASE("without max_wait a call reads no clock, let in or refused") {
    hooked_clock clock;
    keel::pipeline p{one, clock};
    with_a_call_in(p, [&] { CHECK(refusal_of(p) == errc::bulkhead_full); });
    keel::pipeline colder{twice | one, clock};
    CHECK(colder([] { return 1; }) == 1);
    keel::pipeline coldest{throwing_hook{} | one, clock};
    with_a_call_in(coldest, [&] { CHECK(refusal_of(coldest) == errc::bulkhead_full); });
    CHECK(clock.state->readings == 0);
    static_assert(!keel::detail::needs_of(one_that_waits).entry_time);
}

TEST_CASE("right of a retry each attempt takes a permit, and none is held in between") {
    hooked_clock clock;
    keel::pipeline p{twice | one, clock};
    clock.state->on_sleep = [&](keel::time_point) { CHECK(p.state<1>().in_flight() == 0); };
    int attempts = 0;
    CHECK_THROWS_AS(p([&]() -> int {
                        ++attempts;
                        CHECK(p.state<1>().in_flight() == 1);
                        throw 1;
                    }),
                    int);
    CHECK(attempts == 2);
    CHECK(clock.state->sleeps == 1);
    CHECK(p.state<1>().in_flight() == 0);
}

TEST_CASE("left of a retry the permit is held through its waits") {
    hooked_clock clock;
    keel::pipeline p{one | twice, clock};
    clock.state->on_sleep = [&](keel::time_point) { CHECK(p.state<0>().in_flight() == 1); };
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(clock.state->sleeps == 1);
    CHECK(p.state<0>().in_flight() == 0);
}

TEST_CASE("a refusal is worth another attempt to a retry, and says nothing to a breaker") {
    hooked_clock clock;
    keel::pipeline p{twice | one, clock};
    with_a_call_in(p, [&] {
        CHECK(refusal_of(p) == errc::bulkhead_full);
        CHECK(clock.state->sleeps == 1);
    });
    keel::pipeline watched{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) | one, clock};
    with_a_call_in(watched, [&] {
        CHECK(refusal_of(watched) == errc::bulkhead_full);
        CHECK(watched.circuit().state() == keel::circuit_state::closed);
        CHECK(watched.circuit().stats().totals.ignored == 1);
    });
}

TEST_CASE("pipelines share a bulkhead") {
    keel::manual_clock clock;
    keel::shared_bulkhead database{{.permits = 2}};
    keel::pipeline a{keel::timeout(1s) | keel::through(database), clock};
    keel::pipeline b{keel::through(database) | twice, clock};
    with_a_call_in(a, [&] {
        with_a_call_in(b, [&] {
            CHECK(database.in_flight() == 2);
            CHECK(refusal_of(a) == errc::bulkhead_full);
            CHECK(refusal_of(b) == errc::bulkhead_full);
        });
        CHECK(database.in_flight() == 1);
        CHECK(refusal_of(b) == errc{});
    });
    CHECK(database.in_flight() == 0);
    CHECK(database.waiting() == 0);
    CHECK(database.config().permits == 2);
    CHECK_THROWS_AS((keel::shared_bulkhead<>{{.permits = 0}}), keel::invalid_config);
}

namespace {
keel::shared_bulkhead everywhere{{.permits = 1}};
} // namespace

TEST_CASE("a bulkhead can be part of a static pipeline, its own or shared") {
    keel::static_pipeline<keel::timeout(1s) | bulkhead({.permits = 1})> p;
    with_a_call_in(p, [&] { CHECK(refusal_of(p) == errc::bulkhead_full); });
    CHECK(refusal_of(p) == errc{});
    keel::static_pipeline<keel::through(everywhere)> a, b;
    with_a_call_in(a, [&] { CHECK(refusal_of(b) == errc::bulkhead_full); });
    CHECK(refusal_of(b) == errc{});
}

TEST_CASE("a bulkhead is found by its name and tells its figures") {
    hooked_clock clock;
    keel::pipeline p{keel::breaker<> | keel::named<"database">(one_that_waits), clock};
    with_a_call_in(p, [&] {
        clock.at_sleep(1, [&] {
            CHECK(p.get<"database">().in_flight() == 1);
            CHECK(p.get<"database">().waiting() == 1);
        });
        CHECK(refusal_of(p) == errc::bulkhead_full);
    });
    CHECK(p.get<"database">().in_flight() == 0);
    CHECK(p.get<"database">().waiting() == 0);

    keel::shared_bulkhead database{{.permits = 2}};
    keel::pipeline reads{keel::named<"database">(keel::through(database))};
    keel::pipeline writes{keel::through(database)};
    with_a_call_in(reads, [&] {
        with_a_call_in(writes, [&] { CHECK(reads.get<"database">().in_flight() == 2); });
        CHECK(reads.get<"database">().waiting() == 0);
    });
}

TEST_CASE("a bulkhead tells what it does to who looks at whole chains") {
    CHECK(keel::explain(one_that_waits).text() ==
          "bulkhead: refuses while all its permits are out, waits for up to 50 ms\n"
          "  your function\n"
          "at most 1 attempt; may be refused: bulkhead full\n");
    CHECK(keel::explain(keel::timeout(1s) | one_that_waits).duration == keel::nanos(1s));
    keel::shared_bulkhead database{{.permits = 2, .max_wait = 1ms}};
    CHECK(keel::through(database).facts().waits == keel::nanos(1ms));
    constexpr auto account = keel::explain(keel::strict(keel::timeout(1s) | keel::through(everywhere)));
    static_assert(account.duration == keel::nanos(1s) && account.can_be(errc::bulkhead_full));
    CHECK(account.text().find("permits are out, waits without a bound\n") != std::string::npos);
    constexpr auto card = keel::retry<keel::exp_jitter> | keel::breaker<>;
    CHECK_NOTHROW(keel::strict(card | one));
    CHECK_THROWS_AS(keel::strict(one | card), keel::invalid_config);
}

TEST_CASE("bulkhead refuses a configuration out of range") {
    CHECK_NOTHROW(bulkhead({.permits = 1'000'000, .max_wait = 24h * 365 * 100}));
    for (const int permits : {0, -1, 1'000'001}) {
        try {
            bulkhead({.permits = permits});
            FAIL("was accepted");
        } catch (const keel::invalid_config& e) {
            CHECK(std::string(e.policy()) == "bulkhead");
            CHECK(std::string(e.field()) == "permits");
            CHECK(e.value() == permits);
            CHECK(std::string(e.range()) == "must be at least 1 and at most 1000000");
        }
    }
    CHECK_THROWS_AS(bulkhead({.max_wait = -1ns}), keel::invalid_config);
    CHECK_THROWS_AS(bulkhead({.max_wait = std::chrono::hours::max()}), keel::invalid_config);
    keel::bulkhead_policy<> unchecked({.permits = 0});
    CHECK_THROWS_AS(keel::pipeline{unchecked}, keel::invalid_config);
}
