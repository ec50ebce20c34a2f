// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>
#include <keel/window/consecutive_failures.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using keel::errc;
using keel::fixed_window;
using keel::rate_limit;

namespace {

constexpr int one() { return 1; }

/// How many calls pass now.
int passing(auto& p) {
    int n = 0;
    while (n < 1000 && p.attempt(one))
        ++n;
    return n;
}

/// Sleeps by doing what the test says.
struct scripted_clock {
    keel::manual_clock time;
    std::function<void(keel::time_point)>* sleep;

    keel::time_point now() const noexcept { return time.now(); }
    void sleep_until(keel::time_point t) const { (*sleep)(t); }
};

struct stop_flag {
    bool asked = false;
    bool stop_requested() const noexcept { return asked; }
};

// As it is written in a chain.
static_assert(std::same_as<decltype(rate_limit({.rate = 50, .per = 1s, .burst = 50, .max_wait = 0s})),
                           keel::rate_limit_policy<keel::gcra>>);
static_assert(
    std::same_as<decltype(rate_limit(fixed_window{.limit = 50, .period = 1s})), keel::rate_limit_policy<fixed_window>>);
static_assert(!std::invocable<decltype(rate_limit), int> && !std::invocable<decltype(rate_limit), std::string>);
constexpr auto three = [](const keel::context&) { return 3; };
static_assert(keel::policy<keel::rate_limit_policy<>> && keel::policy<keel::rate_limit_policy<fixed_window>>);
static_assert(rate_limit.needs().entry_time && !rate_limit.needs().settle_time);

} // namespace

TEST_CASE("rate_limit lets a burst through, and then one call an interval") {
    keel::manual_clock clock;
    keel::pipeline p{rate_limit({.rate = 50, .per = 1s, .burst = 5}), clock};
    CHECK(passing(p) == 5);
    clock.advance(20ms - 1ns);
    CHECK(passing(p) == 0);
    clock.advance(1ns);
    CHECK(passing(p) == 1);
    clock.advance(1h);
    CHECK(passing(p) == 5);
}

TEST_CASE("rate_limit by itself is fifty calls a second, with a burst of fifty") {
    keel::manual_clock clock;
    keel::static_pipeline<rate_limit, keel::manual_clock> p{clock};
    CHECK(passing(p) == 50);
    clock.advance(100ms);
    CHECK(passing(p) == 5);
}

TEST_CASE("a fixed window lets its limit through in each period from the pipeline's making") {
    keel::manual_clock clock;
    clock.advance(700ms);
    keel::static_pipeline<rate_limit(fixed_window{.limit = 3, .period = 1s}), keel::manual_clock> p{clock};
    CHECK(passing(p) == 3);
    clock.advance(1s - 1ns);
    CHECK(p.attempt(one).error().retry_after() == 1ns);
    clock.advance(1ns);
    CHECK(passing(p) == 3);
}

TEST_CASE("a refused call does not run, and learns to the nanosecond when it could") {
    keel::manual_clock clock;
    keel::pipeline p{rate_limit({.rate = 3, .per = 1s, .burst = 1}), clock};
    int runs = 0;
    const auto counted = [&] { return ++runs; };
    for (int n = 1; n <= 5; ++n) {
        CHECK(p.attempt(counted) == n);
        clock.advance(1ms);
        const auto refused = p.attempt(counted);
        CHECK(refused.error() == errc::rate_limited);
        CHECK(runs == n);
        clock.advance(refused.error().retry_after() - 1ns);
        CHECK(p.attempt(counted).error().retry_after() == 1ns);
        clock.advance(1ns);
    }
}

TEST_CASE("a refusal comes out of every kind of call") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s) | rate_limit({.rate = 10, .per = 1s, .burst = 1}), clock};
    CHECK(p(one) == 1);
    try {
        p([] { FAIL("it ran"); });
        FAIL("it was not refused");
    } catch (const keel::rejected& e) {
        CHECK(e.reason() == errc::rate_limited);
        CHECK(e.code() == std::errc::resource_unavailable_try_again);
        CHECK(e.retry_after() == 100ms);
    }
    int target = 0;
    CHECK_THROWS_AS(p([&]() -> int& { return target; }), keel::rejected);
    const support::result code = p(support::good);
    CHECK(code.error() == errc::rate_limited);
    const auto widened = p([]() -> std::expected<int, std::string> { return 1; });
    static_assert(std::same_as<std::remove_const_t<decltype(widened)>,
                               std::expected<int, keel::error_of<std::string, errc::timed_out, errc::rate_limited>>>);
    CHECK(widened.error().reason() == errc::rate_limited);
    CHECK(widened.error().retry_after() == 100ms);
    CHECK(p([] { return std::error_code(); }) == errc::rate_limited);
    CHECK(p.attempt([] {}).error().retry_after() == 100ms);
    clock.advance(100ms);
    CHECK(&p([&]() -> int& { return target; }) == &target);
    clock.advance(100ms);
    p([] {});
    clock.advance(100ms);
    CHECK(p([]() -> std::expected<int, std::string> { return 1; }).value() == 1);
}

TEST_CASE("a call takes as many permits as its function says") {
    keel::manual_clock clock;
    int cost = 3;
    keel::pipeline p{
        rate_limit({.rate = 10, .per = 1s, .burst = 10}).costing([&](const keel::context&) { return cost; }), clock};
    CHECK(passing(p) == 3);
    CHECK(p.attempt(one).error().retry_after() == 200ms);
    cost = 1;
    CHECK(passing(p) == 1);
    cost = 0;
    CHECK(p.attempt(one));
    clock.advance(1h);
    for (cost = -1; cost != 12; cost = cost == -1 ? 11 : 12) {
        const auto never = p.attempt(one);
        CHECK(never.error() == errc::rate_limited);
        CHECK(never.error().retry_after() == 0s);
    }
    cost = 10;
    CHECK(passing(p) == 1);
}

TEST_CASE("a cost may be any integer, and one of 2^63 is not a small one") {
    keel::manual_clock clock;
    std::uint64_t cost = 1;
    const auto costing = [&](const keel::context&) noexcept { return cost; };
    keel::pipeline p{rate_limit({.rate = 10, .per = 1s, .burst = 10}).costing(costing), clock};
    CHECK(p.attempt(one));
    cost = std::uint64_t{1} << 63;
    CHECK(!p.attempt(one));
    cost = ~std::uint64_t{0};
    CHECK(!p.attempt(one));
    cost = 9;
    CHECK(p.attempt(one));
}

TEST_CASE("costing keeps the limit, and another limit keeps the cost") {
    static constexpr auto p = rate_limit({.rate = 9, .burst = 9}).costing(three);
    static_assert(p.limit.rate == 9 && p.pace.burst == 9);
    keel::manual_clock clock;
    keel::static_pipeline<p, keel::manual_clock> first{clock};
    CHECK(passing(first) == 3);
    keel::static_pipeline<p({.burst = 6}), keel::manual_clock> second{clock};
    CHECK(passing(second) == 2);
    keel::static_pipeline<p(fixed_window{.limit = 12}), keel::manual_clock> third{clock};
    CHECK(passing(third) == 4);
}

TEST_CASE("the cost sees the deadline and how often the function has been invoked") {
    keel::manual_clock clock;
    std::vector<std::uint32_t> attempts;
    keel::time_point deadline{};
    keel::pipeline p{keel::timeout(1s) | keel::retry<keel::constant>({.backoff = {.every = 1ms}}) |
                         rate_limit.costing([&](const keel::context& c) {
                             if (attempts.empty() || attempts.back() != c.attempt()) attempts.push_back(c.attempt());
                             deadline = c.deadline();
                             return 1;
                         }),
                     clock};
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(attempts == std::vector<std::uint32_t>{0, 1, 2});
    CHECK(deadline == keel::time_point(1s));
}

TEST_CASE("the cost sees the same deadline on every lane") {
    const auto dear_without_deadline =
        rate_limit({.rate = 1, .per = 1s, .burst = 2, .max_wait = 1500ms}).costing([](const keel::context& c) {
            return c.deadline() == keel::no_deadline ? 2 : 1;
        });
    const auto third_call = [](const auto& chain) {
        keel::manual_clock clock;
        keel::pipeline p{chain, clock};
        CHECK(p(one) + p(one) == 2);
        return p.attempt(one) ? clock.now().time_since_epoch() : -1ns;
    };
    CHECK(third_call(keel::timeout(2s) | dear_without_deadline) == 1s);
    CHECK(third_call(keel::timeout(2s) | support::cold_only{dear_without_deadline}) == 1s);
}

TEST_CASE("a cost that throws makes the call fail, and takes nothing") {
    keel::manual_clock clock;
    bool throws = true;
    const auto costing = [&](const keel::context&) { return throws ? throw std::logic_error("x") : 1; };
    keel::pipeline p{rate_limit({.burst = 2}).costing(costing), clock};
    CHECK_THROWS_AS(p(one), std::logic_error);
    throws = false;
    CHECK(passing(p) == 2);
    throws = true;
    CHECK_THROWS_AS(p(one), std::logic_error);
}

TEST_CASE("with max_wait a call waits for its permits, and is refused at once where they come later") {
    keel::manual_clock clock;
    keel::pipeline p{rate_limit({.rate = 10, .per = 1s, .burst = 1, .max_wait = 100ms}), clock};
    const auto now = [&] { return clock.now().time_since_epoch(); };
    CHECK(p(now) == 0s);
    CHECK(p(now) == 100ms);
    CHECK(p(now) == 200ms);
    keel::pipeline short_of_patience{rate_limit({.rate = 10, .per = 1s, .burst = 1, .max_wait = 100ms - 1ns}), clock};
    CHECK(short_of_patience(now) == 200ms);
    for (int i = 0; i < 3; ++i) // what is refused has reserved nothing
        CHECK(short_of_patience.attempt(now).error().retry_after() == 100ms);
    CHECK(clock.now() == keel::time_point(200ms));
    clock.advance(1ns);
    CHECK(short_of_patience(now) == 300ms);
}

TEST_CASE("a fixed window's calls wait for their period") {
    keel::manual_clock clock;
    keel::pipeline p{rate_limit(fixed_window{.limit = 2, .period = 1s, .max_wait = 1s}), clock};
    const auto now = [&] { return clock.now().time_since_epoch(); };
    std::vector<std::chrono::nanoseconds> begun;
    for (int i = 0; i < 5; ++i)
        begun.push_back(p(now));
    CHECK(begun == std::vector<std::chrono::nanoseconds>{0s, 0s, 1s, 1s, 2s});
    keel::pipeline large{rate_limit(fixed_window{.limit = 2, .period = 1s, .max_wait = 1s}).costing(three), clock};
    CHECK(large(now) == 3s);
    CHECK(large(now) == 4s);
    const auto refused = large.attempt(now); // its last permit comes in two periods
    CHECK(refused.error() == errc::rate_limited);
    CHECK(refused.error().retry_after() == 0s);
}

TEST_CASE("no call waits to its deadline or past it, and none reserves what it could not use") {
    keel::manual_clock clock;
    const auto limited = rate_limit({.rate = 10, .per = 1s, .burst = 1, .max_wait = 1h});
    keel::pipeline p{limited, clock};
    CHECK(p(one) == 1);
    for (int i = 0; i < 3; ++i) {
        const auto refused = p.attempt(keel::context(keel::time_point(100ms)), one);
        CHECK(refused.error() == errc::rate_limited);
        CHECK(refused.error().retry_after() == 100ms);
    }
    CHECK(p.attempt(keel::context(keel::time_point(0s)), one).error() == errc::rate_limited);
    CHECK(p.attempt(keel::context(keel::time_point(-1s)), one).error() == errc::rate_limited);
    CHECK(clock.now() == keel::time_point(0s));
    CHECK(p.attempt(keel::context(keel::time_point(100ms + 1ns)), one));
    CHECK(clock.now() == keel::time_point(100ms));

    keel::pipeline bounded{keel::timeout(50ms) | limited, clock};
    keel::pipeline unbounded{limited | keel::timeout(50ms), clock};
    CHECK(bounded(one) == 1);
    CHECK(unbounded(one) == 1);
    CHECK(bounded.attempt(one).error() == errc::rate_limited);
    CHECK(clock.now() == keel::time_point(100ms));
    CHECK(unbounded.attempt(one));
    CHECK(clock.now() == keel::time_point(200ms));
}

TEST_CASE("a call past its deadline takes a permit that is there") {
    keel::manual_clock clock;
    keel::pipeline p{support::cold_only{rate_limit({.burst = 2, .max_wait = 1h})}, clock};
    CHECK(p.attempt(keel::context(keel::time_point(0s)), one));
    CHECK(p.attempt(keel::context(keel::time_point(-1s)), one));
    CHECK(p.attempt(keel::context(keel::time_point(0s)), one).error() == errc::rate_limited);
}

TEST_CASE("a call that is asked to stop takes up no wait") {
    keel::manual_clock clock;
    stop_flag stop{true};
    keel::pipeline p{rate_limit({.rate = 10, .per = 1s, .burst = 2, .max_wait = 1h}), clock};
    CHECK(p.attempt(keel::context(stop), one));
    CHECK(p.attempt(keel::context(stop), one));
    for (int i = 0; i < 3; ++i)
        CHECK(p.attempt(keel::context(stop), one).error().retry_after() == 100ms);
    CHECK(clock.now() == keel::time_point(0s));
    CHECK(p.attempt(one));
    CHECK(clock.now() == keel::time_point(100ms));
}

TEST_CASE("a call that is asked to stop while it waits is refused, and its permit goes back") {
    keel::manual_clock time;
    stop_flag stop;
    std::function<void(keel::time_point)> sleep = [&](keel::time_point t) {
        time.set(t);
        stop.asked = true;
    };
    keel::pipeline p{rate_limit({.rate = 10, .per = 1s, .burst = 1, .max_wait = 1h}), scripted_clock{time, &sleep}};
    CHECK(p(one) == 1);
    const auto refused = p.attempt(keel::context(stop), one);
    CHECK(refused.error() == errc::rate_limited);
    CHECK(refused.error().retry_after() == 0s);
    CHECK(time.now() == keel::time_point(100ms));
    CHECK(p(one) == 1);
    CHECK(time.now() == keel::time_point(100ms));
}

TEST_CASE("a call whose wait lasts to its deadline is refused, and its permit goes back") {
    keel::manual_clock time;
    std::function<void(keel::time_point)> sleep = [&](keel::time_point t) { time.set(t + 1ms); };
    const auto limited = rate_limit({.rate = 10, .per = 1s, .burst = 1, .max_wait = 1h});
    keel::pipeline p{keel::timeout(101ms) | limited, scripted_clock{time, &sleep}};
    CHECK(p(one) == 1);
    const auto refused = p.attempt([] { FAIL("it ran"); });
    CHECK(refused.error() == errc::rate_limited);
    CHECK(refused.error().retry_after() == 0s);
    CHECK(time.now() == keel::time_point(101ms));
    CHECK(p(one) == 1);
    CHECK(time.now() == keel::time_point(101ms));
    keel::pipeline in_time{keel::timeout(102ms) | limited, scripted_clock{time, &sleep}};
    CHECK(in_time(one) == 1);
    CHECK(in_time(one) == 1);
}

TEST_CASE("a wait that throws gives its permit back, unless somebody has taken one since") {
    keel::manual_clock time;
    std::function<void(keel::time_point)> sleep;
    keel::pipeline p{rate_limit({.rate = 10, .per = 1s, .burst = 1, .max_wait = 1h}), scripted_clock{time, &sleep}};
    CHECK(p(one) == 1);
    sleep = [](keel::time_point) { throw std::runtime_error("interrupted"); };
    for (int i = 0; i < 3; ++i)
        CHECK_THROWS_AS(p(one), std::runtime_error);
    std::vector<keel::time_point> waited;
    sleep = [&](keel::time_point t) {
        waited.push_back(t);
        if (waited.size() == 2) return; // it has its permit for 200 ms
        CHECK(p(one) == 1);
        throw std::runtime_error("interrupted");
    };
    CHECK_THROWS_AS(p(one), std::runtime_error);
    CHECK(waited == std::vector{keel::time_point(100ms), keel::time_point(200ms)});
    time.set(keel::time_point(250ms));
    CHECK(p.attempt(keel::context(keel::time_point(250ms)), one).error().retry_after() == 50ms);
}

TEST_CASE("left of a retry a limit counts calls, right of it attempts") {
    keel::manual_clock clock;
    const auto limited = rate_limit({.rate = 1, .per = 1h, .burst = 4});
    const auto again = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 1ms}});
    keel::pipeline calls{limited | again, clock};
    keel::pipeline attempts{keel::timeout(1s) | again | limited, clock};
    int runs = 0;
    const auto failing = [&]() -> int { throw ++runs; };
    for (int i = 0; i < 4; ++i)
        CHECK_THROWS_AS(calls(failing), int);
    CHECK(runs == 12);
    CHECK_THROWS_AS(calls(failing), keel::rejected);
    CHECK_THROWS_AS(attempts(failing), int);
    CHECK(runs == 15);
    CHECK_THROWS_AS(attempts(failing), keel::rejected); // the second attempt
    CHECK(runs == 16);
}

TEST_CASE("a retry waits as long as the limit says") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.backoff = {.every = 1ms}}) |
                         rate_limit({.rate = 10, .per = 1s, .burst = 1}),
                     clock};
    CHECK(p(one) == 1);
    CHECK(p(one) == 1);
    CHECK(clock.now() == keel::time_point(100ms));
    keel::pipeline bounded{keel::timeout(50ms) | keel::retry<keel::constant> | rate_limit({.rate = 10, .burst = 1}),
                           clock};
    CHECK(bounded(one) == 1);
    CHECK(bounded.attempt(one).error() == errc::rate_limited);
    CHECK(clock.now() == keel::time_point(100ms));
}

TEST_CASE("a refusal says nothing about the callee: a breaker outside ignores it") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) | rate_limit({.burst = 1}),
                     clock};
    CHECK(p.attempt(one));
    CHECK(p.attempt(one).error() == errc::rate_limited);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

TEST_CASE("a call that a breaker further in refuses has taken its permit, and only one") {
    keel::manual_clock clock;
    keel::pipeline p{rate_limit({.rate = 1, .per = 1h, .burst = 5}) |
                         keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}),
                     clock};
    p.circuit().force_open();
    for (int i = 0; i < 3; ++i)
        CHECK(p.attempt(one).error() == errc::circuit_open);
    p.circuit().close();
    CHECK(passing(p) == 2);
}

namespace {
struct throwing_hook {
    bool* throws;
    keel::admission admit(keel::call&, auto&) const {
        if (*throws) throw std::runtime_error("hook");
        return keel::proceed;
    }
    keel::verdict settle(keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
};
} // namespace

TEST_CASE("a permit is spent once its call is let through, though a hook further in throws") {
    keel::manual_clock clock;
    bool throws = true;
    keel::pipeline p{rate_limit({.rate = 1, .per = 1h, .burst = 3}) | throwing_hook{&throws}, clock};
    CHECK_THROWS_AS(p(one), std::runtime_error);
    throws = false;
    CHECK(passing(p) == 2);
}

TEST_CASE("a limit with a name tells how many permits there are") {
    keel::manual_clock clock;
    keel::pipeline p{keel::named<"payments">(rate_limit({.rate = 1, .per = 1s, .burst = 2})), clock};
    CHECK(p.get<"payments">().available() == 2);
    CHECK(passing(p) == 2);
    CHECK(p.get<"payments">().available() == 0);
    clock.advance(1s);
    CHECK(p.get<"payments">().available() == 1);
}

TEST_CASE("rate_limit refuses values out of range") {
    CHECK_THROWS_AS(rate_limit({.rate = 0}), keel::invalid_config);
    CHECK_THROWS_AS(rate_limit({.burst = 0}), keel::invalid_config);
    CHECK_THROWS_AS(rate_limit(fixed_window{.limit = 0}), keel::invalid_config);
    CHECK(!rate_limit.validate());
    try {
        rate_limit({.per = -1s});
        FAIL("it was taken");
    } catch (const keel::invalid_config& e) {
        CHECK(std::string_view(e.policy()) == "rate_limit");
        CHECK(std::string_view(e.field()) == "per");
        CHECK(e.value() == -1e9);
    }
}

TEST_CASE("rate_limit tells how long it waits") {
    CHECK(rate_limit.facts().waits == 0s);
    CHECK(rate_limit({.max_wait = 20ms}).facts().waits == 20ms);
    CHECK(rate_limit(fixed_window{.max_wait = 30ms}).facts().waits == 30ms);
}

TEST_CASE("both lanes let the same calls through, at the same times") {
    const auto differ_in_nothing = [](const auto& policy, std::uint64_t seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        keel::manual_clock clock, cold_clock;
        keel::pipeline p{keel::timeout(1h) | policy, clock};
        keel::pipeline cold{keel::timeout(1h) | support::cold_only{policy}, cold_clock};
        for (int i = 0; i < 2000; ++i) {
            const keel::context until(clock.now() + keel::nanos(static_cast<std::int64_t>(random() % 400'000'000)));
            const auto r = p.attempt(until, one), c = cold.attempt(until, one);
            REQUIRE(r.has_value() == c.has_value());
            if (!r) REQUIRE(r.error().retry_after() == c.error().retry_after());
            REQUIRE(clock.now() == cold_clock.now());
            const keel::nanos pause(static_cast<std::int64_t>(random() % 150'000'000));
            clock.advance(pause), cold_clock.advance(pause);
        }
    };
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        for (const auto wait : {0ms, 150ms, 1000ms}) {
            differ_in_nothing(rate_limit({.rate = 7, .per = 1s, .burst = 3, .max_wait = wait}), seed);
            differ_in_nothing(rate_limit({.rate = 20, .per = 1s, .burst = 4, .max_wait = wait}).costing(three), seed);
            differ_in_nothing(rate_limit(fixed_window{.limit = 3, .period = 300ms, .max_wait = wait}), seed);
            differ_in_nothing(rate_limit(fixed_window{.limit = 2, .period = 300ms, .max_wait = wait}).costing(three),
                              seed);
        }
    }
}
