// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/config_message.hpp"
#include "support/flights.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/random.hpp>
#include <keel/retry.hpp>
#include <keel/throttle.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <expected>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <variant>

using namespace std::chrono_literals;
using support::bad;
using support::cancelled;
using support::config_message;
using support::good;
using support::result;

namespace {
constexpr auto minute = keel::throttle({.span = 60s}); // in buckets of 3 s

/// What the next calls draw is known: the first number of one seed is close to 1, that of the other to 0.
constexpr std::uint64_t lets_through = 44, leaves_out = 10;

} // namespace

TEST_CASE("the seeds of these tests draw what they say") {
    CHECK(keel::random_source(lets_through).unit() > 0.95);
    CHECK(keel::random_source(leaves_out).unit() < 0.05);
}

TEST_CASE("throttle lets everything through while the callee accepts one request in k") {
    keel::manual_clock clock;
    keel::thread_random().seed(leaves_out);
    keel::pipeline p{minute, clock};
    for (int i = 0; i < 1000; ++i) {
        const result r = p(i % 2 == 0 ? good : bad);
        REQUIRE((r || r.error() == std::errc::io_error));
        clock.advance(10ms);
    }
    CHECK(p.state<0>().stats().probability == 0);
    CHECK(p.state<0>().stats().requests == 1000);
    CHECK(p.state<0>().stats().accepts == 500);
}

TEST_CASE("throttle leaves a request out with the probability that the rule gives") {
    keel::manual_clock clock;
    keel::thread_random().seed(1);
    keel::pipeline p{minute, clock};
    for (int i = 0; i < 10; ++i)
        CHECK(p(good));
    // Requests that fail: 10 accepts bear 20 of them.
    for (int i = 0; i < 10; ++i)
        CHECK(p(bad).error() == std::errc::io_error);
    CHECK(p.state<0>().stats().probability == 0);
    CHECK(p(bad).error() == std::errc::io_error);
    CHECK(p.state<0>().stats().probability == doctest::Approx(1.0 / 22));
    for (int i = 0; i < 200; ++i) {
        static_cast<void>(p(bad));
        const keel::throttle_stats s = p.state<0>().stats();
        REQUIRE(s.requests == 22u + static_cast<unsigned>(i));
        // Of a request that is left out, the probability was evaluated before it was counted.
        const double with = (static_cast<double>(s.requests) - 20) / (static_cast<double>(s.requests) + 1);
        const double without = (static_cast<double>(s.requests) - 21) / static_cast<double>(s.requests);
        REQUIRE((s.probability == doctest::Approx(with) || s.probability == doctest::Approx(without)));
    }
}

TEST_CASE("a request that is left out is refused without a call, and counts as a request all the same") {
    keel::manual_clock clock;
    keel::pipeline p{minute, clock};
    int calls = 0;
    const auto count = [&] { return ++calls; };
    p(bad);
    CHECK(p.state<0>().stats().probability == 0.5);
    keel::thread_random().seed(leaves_out);
    CHECK_THROWS_AS(p(count), keel::rejected);
    CHECK(p.state<0>().stats().requests == 2);
    keel::thread_random().seed(leaves_out);
    CHECK(p(good).error() == keel::errc::throttled);
    keel::thread_random().seed(leaves_out);
    CHECK(p.attempt(count).error() == keel::errc::throttled);
    CHECK(calls == 0);
    CHECK(p.state<0>().stats().requests == 4);
    CHECK(p.state<0>().stats().accepts == 0);
    CHECK(p.state<0>().stats().probability == 0.75); // evaluated with 3
    keel::thread_random().seed(lets_through);
    CHECK(p(count) == 1);
    CHECK(p.state<0>().stats().accepts == 1);
}

TEST_CASE("every channel tells that a request was left out") {
    keel::manual_clock clock;
    keel::pipeline p{minute, clock};
    p(bad);
    const auto left_out = [&](auto f) -> decltype(auto) {
        keel::thread_random().seed(leaves_out);
        return f();
    };
    int value = 0;
    CHECK_THROWS_AS(left_out([&] { p([] {}); }), keel::rejected);
    CHECK_THROWS_AS(left_out([&] { p([&]() -> int& { return value; }); }), keel::rejected);
    CHECK(left_out([&] { return p([] { return std::error_code(); }); }) == keel::errc::throttled);
    CHECK(left_out([&] { return p.attempt([&]() -> int& { return value; }); }).error() == keel::errc::throttled);
    CHECK(left_out([&] { return p.attempt([] {}); }).error() == keel::errc::throttled);
    struct own_error {};
    const auto widened = left_out([&] { return p([]() -> std::expected<int, own_error> { return 1; }); });
    static_assert(
        std::same_as<decltype(widened), const std::expected<int, keel::error_of<own_error, keel::errc::throttled>>>);
    REQUIRE(!widened);
    CHECK(widened.error().is_rejection());
    CHECK(std::holds_alternative<keel::throttled>(widened.error()));
    CHECK(widened.error().retry_after() == 0ns);
    keel::thread_random().seed(lets_through);
    CHECK(&p([&]() -> int& { return value; }) == &value);
}

TEST_CASE("the same seed leaves the same requests out") {
    const auto run = [](std::uint64_t seed) {
        keel::thread_random().seed(seed);
        keel::manual_clock clock;
        keel::pipeline p{minute, clock};
        std::string seen;
        for (int i = 0; i < 200; ++i)
            seen +=
                p(i % 5 == 0 ? good : bad) == std::unexpected(keel::make_error_code(keel::errc::throttled)) ? 'x' : '.';
        return seen;
    };
    CHECK(run(7) == run(7));
    CHECK(run(7) != run(8));
    CHECK(run(7).find('x') != std::string::npos);
}

TEST_CASE("a request counts when it begins, and is accepted when it succeeds") {
    support::flights p{minute};
    auto first = p.begin(), second = p.begin(), third = p.begin();
    REQUIRE((first && second && third));
    CHECK(p.state.stats().requests == 3);
    CHECK(p.state.stats().accepts == 0);
    p.succeed(*first);
    CHECK(p.state.stats().accepts == 1);
    p.fail(*second); // 3 requests, 1 accept: the third is under way
    CHECK(p.state.stats().probability == 0.25);
    p.succeed(*third);
    CHECK(p.state.stats().accepts == 2);
    CHECK(p.begin());
    CHECK(p.state.stats().probability == 0);
}

TEST_CASE("a probability of zero is out of date by one bucket at most") {
    support::flights p{minute};
    // Nothing fails: requests are only under way, and nobody asks anew within the bucket.
    for (int i = 0; i < 10; ++i)
        REQUIRE(p.begin());
    p.clock.advance(2s - 1ns); // the bucket ends at 1002 s
    CHECK(p.begin());
    CHECK(p.state.stats().probability == 0);
    p.clock.advance(1ns);
    keel::thread_random().seed(lets_through);
    CHECK(p.begin());
    CHECK(p.state.stats().probability == doctest::Approx(11.0 / 12));
}

TEST_CASE("in threads without a shard too a probability of zero is out of date by one bucket at most") {
    const auto check = [] {
        constexpr auto one_shard = keel::basic_throttle<{.shards = 1}>({.span = 60s});
        support::flights<std::remove_const_t<decltype(one_shard)>> p{one_shard};
        for (int i = 0; i < 10; ++i)
            REQUIRE(p.begin());
        CHECK(p.state.stats().probability == 0);
        CHECK(p.state.stats().requests == 10);
        p.clock.advance(2s - 1ns);
        CHECK(p.begin());
        CHECK(p.state.stats().probability == 0);
        p.clock.advance(1ns);
        keel::thread_random().seed(lets_through);
        CHECK(p.begin());
        CHECK(p.state.stats().probability == doctest::Approx(11.0 / 12));
    };
    // Of two threads that live at once, one at least has not the slot of the one shard.
    check();
    std::thread(check).join();
}

TEST_CASE("a request and its accept leave the window together") {
    support::flights p{minute};
    auto slow = p.begin();
    REQUIRE(slow);
    p.clock.advance(50s);
    auto quick = p.begin();
    REQUIRE(quick);
    p.succeed(*quick);
    p.succeed(*slow);
    CHECK(p.state.stats().requests == 2);
    CHECK(p.state.stats().accepts == 2);
    p.clock.advance(8s); // the first began in the bucket of 999 s, which leaves at 1059 s
    CHECK(p.state.stats().requests == 2);
    p.clock.advance(1s);
    CHECK(p.state.stats().requests == 1);
    CHECK(p.state.stats().accepts == 1);
}

TEST_CASE("an accept that comes after its request has left the window counts for nothing") {
    support::flights p{minute};
    auto slow = p.begin();
    REQUIRE(slow);
    p.clock.advance(60s);
    auto quick = p.begin();
    REQUIRE(quick);
    p.succeed(*quick);
    p.succeed(*slow);
    CHECK(p.state.stats().requests == 1);
    CHECK(p.state.stats().accepts == 1);
}

TEST_CASE("everything is forgotten when the span is over") {
    keel::manual_clock clock;
    keel::pipeline p{minute, clock};
    keel::thread_random().seed(1);
    for (int i = 0; i < 1000; ++i)
        static_cast<void>(p(bad));
    CHECK(p.state<0>().stats().probability > 0.99);
    clock.advance(60s);
    keel::thread_random().seed(leaves_out);
    CHECK(p(good) == 1);
    CHECK(p.state<0>().stats().probability == 0);
    CHECK(p.state<0>().stats().requests == 1);
}

TEST_CASE("what is ignored counts as never made") {
    keel::manual_clock clock;
    keel::thread_random().seed(leaves_out);
    keel::pipeline p{minute, clock};
    for (int i = 0; i < 50; ++i) {
        CHECK(p(cancelled).error() == std::errc::operation_canceled);
        CHECK(p(good));
        clock.advance(10ms);
    }
    CHECK(p.state<0>().stats().requests == 50);
    CHECK(p.state<0>().stats().accepts == 50);
    clock.advance(60s);
    CHECK(p.state<0>().stats().requests == 0);
    CHECK(p.state<0>().stats().accepts == 0);
}

TEST_CASE("a call that is dropped counts as never made") {
    support::flights p{minute};
    auto a = p.begin(), b = p.begin();
    REQUIRE((a && b));
    p.drop(*a);
    CHECK(p.state.stats().requests == 1);
    p.succeed(*b);
    CHECK(p.state.stats().requests == 1);
    CHECK(p.state.stats().accepts == 1);
}

TEST_CASE("a call whose hook throws counts as never made") {
    keel::manual_clock clock;
    keel::pipeline p{minute | keel::retry<keel::constant>.failing_if([](int) -> bool { throw std::logic_error("p"); }),
                     clock};
    CHECK_THROWS_AS(p([] { return 1; }), std::logic_error);
    CHECK(p.state<0>().stats().requests == 0);
    CHECK(p.state<0>().stats().accepts == 0);
    keel::pipeline q{minute.failing_if([](int) -> bool { throw std::logic_error("p"); }), clock};
    CHECK_THROWS_AS(q([] { return 1; }), std::logic_error);
    CHECK(q.state<0>().stats().requests == 0);
}

TEST_CASE("throttle is told which results are failures, and which do not count") {
    keel::manual_clock clock;
    keel::pipeline p{
        minute.failing_if([](int status) { return status == 503; }).ignoring_if([](int status) { return status == 0; }),
        clock};
    CHECK(p([] { return 503; }) == 503);
    CHECK(p.state<0>().stats().requests == 1);
    CHECK(p.state<0>().stats().accepts == 0);
    keel::thread_random().seed(lets_through);
    CHECK(p([] { return 0; }) == 0);
    CHECK(p.state<0>().stats().requests == 1);
    keel::thread_random().seed(lets_through);
    CHECK(p([] { return 404; }) == 404);
    CHECK(p.state<0>().stats().accepts == 1);

    keel::pipeline by_type{minute.failing_on<std::runtime_error>(), clock};
    CHECK_THROWS_AS(by_type([]() -> int { throw std::logic_error("no fault of the callee's"); }), std::logic_error);
    CHECK(by_type.state<0>().stats().accepts == 1);
    CHECK_THROWS_AS(by_type([]() -> int { throw std::runtime_error("x"); }), std::runtime_error);
    CHECK(by_type.state<0>().stats().requests == 2);
    CHECK(by_type.state<0>().stats().accepts == 1);
}

TEST_CASE("an exception is a failure, and what comes too late is one") {
    keel::manual_clock clock;
    keel::pipeline p{minute | keel::timeout(1s), clock};
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(p.state<0>().stats().probability == 0.5);
    keel::thread_random().seed(lets_through);
    CHECK(p.attempt([&] { return clock.advance(2s), 1; }).error() == keel::errc::timed_out);
    CHECK(p.state<0>().stats().requests == 2);
    CHECK(p.state<0>().stats().probability == doctest::Approx(2.0 / 3));
}

TEST_CASE("a refusal by a policy further in counts as never made") {
    keel::manual_clock clock;
    keel::pipeline p{minute | keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}), clock};
    p(bad);
    for (int i = 0; i < 20; ++i) {
        keel::thread_random().seed(lets_through);
        CHECK(p(good).error() == keel::errc::circuit_open);
    }
    CHECK(p.state<0>().stats().requests == 1);
}

TEST_CASE("inside a retry every attempt counts, and one that is left out is tried again") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3}) | minute, clock};
    keel::thread_random().seed(lets_through);
    int calls = 0;
    CHECK(!p.attempt([&]() -> int { throw ++calls; }));
    CHECK(p.state<1>().stats().requests == 3);
    CHECK(calls <= 3);
    keel::pipeline whole{minute | keel::retry<keel::constant>({.attempts = 3}), clock};
    CHECK(!whole.attempt([&]() -> int { throw ++calls; }));
    CHECK(whole.state<0>().stats().requests == 1);
}

TEST_CASE("a breaker further out does not count what is left out") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 2}}) | minute, clock};
    p(bad);
    for (int i = 0; i < 5; ++i) {
        keel::thread_random().seed(leaves_out);
        CHECK(p(good).error() == keel::errc::throttled);
    }
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

TEST_CASE("k sets how many requests go ahead for each that is accepted") {
    for (const double k : {1.0, 1.1, 3.0, 1e6}) {
        keel::manual_clock clock;
        keel::pipeline p{keel::throttle({.k = k, .span = 60s}), clock};
        for (int i = 0; i < 10; ++i)
            p(good);
        p(bad);
        CHECK(p.state<0>().stats().probability == doctest::Approx(k == 1 ? 1.0 / 12 : 0));
    }
}

TEST_CASE("max_probability keeps some requests going") {
    keel::manual_clock clock;
    keel::pipeline p{keel::throttle({.span = 60s, .max_probability = 0.6}), clock};
    for (int i = 0; i < 1000; ++i)
        static_cast<void>(p(bad));
    CHECK(p.state<0>().stats().probability == 0.6);
    keel::thread_random().seed(5);
    int through = 0;
    for (int i = 0; i < 10'000; ++i)
        through += p(bad).error() == std::errc::io_error;
    CHECK(through == doctest::Approx(4000).epsilon(0.05));
}

TEST_CASE("a clock that stands still, or leaps, throttles nobody for ever") {
    keel::manual_clock clock;
    keel::pipeline p{minute, clock};
    for (const auto leap : {0ns, 1ns, std::chrono::nanoseconds(24h * 365 * 90), 0ns}) {
        clock.advance(leap);
        for (int i = 0; i < 50; ++i)
            static_cast<void>(p(bad));
        CHECK(p.state<0>().stats().probability > 0.5);
        clock.advance(60s);
        CHECK(p(good) == 1);
        CHECK(p.state<0>().stats().probability == 0);
    }
    // Before the clock's own start, too.
    clock.set(keel::time_point(-1000s));
    static_cast<void>(p(bad));
    CHECK(p.state<0>().stats().requests == 1);
}

TEST_CASE("throttle does the same on either lane") {
    keel::manual_clock clock;
    keel::pipeline p{minute, clock};
    keel::pipeline cold{support::cold_only<keel::throttle_policy<>>{minute}, clock};
    for (int i = 0; i < 5000; ++i) {
        clock.advance(std::chrono::milliseconds(i % 977));
        const std::uint64_t seed = static_cast<std::uint64_t>(i);
        const auto f = (i / 300) % 3 == 0 ? bad : (i % 7 == 0 ? cancelled : good);
        keel::thread_random().seed(seed);
        const result a = p(f);
        keel::thread_random().seed(seed);
        const result b = cold(f);
        REQUIRE(a == b);
        REQUIRE(p.state<0>().stats().requests == cold.state<0>().stats().requests);
        REQUIRE(p.state<0>().stats().accepts == cold.state<0>().stats().accepts);
    }
}

TEST_CASE("throttle refuses values out of range") {
    CHECK(config_message([] { return keel::throttle({.k = 0.99}); }) ==
          "keel: throttle.k = 0.98999999999999999: must be "
          "from 1 to 1e6");
    CHECK(config_message([] { return keel::throttle({.k = 1e7}); }) ==
          "keel: throttle.k = 10000000: must be from 1 to 1e6");
    CHECK(config_message([] { return keel::throttle({.k = std::numeric_limits<double>::quiet_NaN()}); }) != "accepted");
    CHECK(config_message([] { return keel::throttle({.span = 0s}); }) ==
          "keel: throttle.span = 0: must be above 0 and at most 100 years");
    CHECK(
        config_message([] { return keel::throttle({.span = 21ns}); }) ==
        "keel: throttle.span = 21: must be a whole multiple of throttle_options::buckets nanoseconds (20 by default)");
    CHECK(config_message([] { return keel::throttle({.span = 24h * 365 * 101}); }) ==
          "keel: throttle.span = 3.185136e+18: must be above 0 and at most 100 years");
    CHECK(config_message([] { return keel::throttle({.max_probability = 0}); }) ==
          "keel: throttle.max_probability = 0: must be above 0 and at most 1");
    CHECK(config_message([] { return keel::throttle({.max_probability = 1.01}); }) != "accepted");
    CHECK(config_message([] { return keel::throttle({.k = 1, .span = 20ns, .max_probability = 1}); }) == "accepted");
    CHECK(config_message([] { return keel::basic_throttle<{.buckets = 3}>({.span = 21ns}); }) == "accepted");
    static_assert(!keel::throttle.validate());
}

TEST_CASE("a throttle tells that it stops calling what fails") {
    auto p = keel::throttle;
    CHECK(p.facts().is_breaker);
    CHECK(!p.facts().holds_permit);
}
