// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/config_message.hpp"
#include "support/flights.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/limit.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/strict.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

using namespace std::chrono_literals;
using keel::aimd;
using keel::gradient;
using support::bad;
using support::cancelled;
using support::config_message;
using support::good;
using support::result;

namespace {
/// Windows of a second, and of three calls.
constexpr keel::limit_config<aimd> of_three{.initial = 4, .minimum_calls = 3};
constexpr auto additive = keel::limit<aimd>(of_three);
constexpr auto one_only = keel::limit<aimd>({.initial = 1});

template <class P>
using flights_of = support::flights<std::remove_const_t<P>>;

/// Says what it is told to.
struct undecided {
    double says = std::numeric_limits<double>::quiet_NaN();
    struct memory {};
    static constexpr bool uses_latency = false;
    double next(memory&, double, const keel::limit_window&) const noexcept { return says; }
    constexpr void check(keel::detail::checker&) const noexcept {}
};

/// Holds `n` permits of `p` while `f` runs in the last call.
template <class P, class F>
void inside(P& p, int n, F f) {
    if (n == 0) return f();
    p([&] { inside(p, n - 1, f); });
}
} // namespace

TEST_CASE("a limit lets in as many calls as it allows, and refuses the next") {
    keel::manual_clock clock;
    keel::pipeline p{keel::limit<>({.initial = 3}), clock};
    int calls = 0;
    inside(p, 3, [&] {
        CHECK(p.state<0>().in_flight() == 3);
        CHECK(p.attempt([&] { return ++calls; }).error() == keel::errc::limit_exceeded);
        CHECK(p.state<0>().in_flight() == 3);
    });
    CHECK(calls == 0);
    CHECK(p.state<0>().in_flight() == 0);
    CHECK(p([&] { return ++calls; }) == 1);
}

TEST_CASE("the limit is 20 at first if nothing else is said") {
    keel::pipeline p{keel::limit<>};
    CHECK(p.state<0>().limit() == 20);
    CHECK(p.state<0>().latency() == keel::nanos(0));
}

TEST_CASE("every channel tells that the limit is exceeded") {
    keel::manual_clock clock;
    keel::pipeline p{one_only, clock};
    struct own_error {};
    int value = 0;
    inside(p, 1, [&] {
        CHECK_THROWS_AS(p([] { return 1; }), keel::rejected);
        CHECK_THROWS_AS(p([] {}), keel::rejected);
        CHECK_THROWS_AS(p([&]() -> int& { return value; }), keel::rejected);
        CHECK(p(good).error() == keel::errc::limit_exceeded);
        CHECK(p([] { return std::error_code(); }) == keel::errc::limit_exceeded);
        CHECK(p.attempt([] {}).error() == keel::errc::limit_exceeded);
        CHECK(p.attempt([&]() -> int& { return value; }).error() == keel::errc::limit_exceeded);
        const auto widened = p([]() -> std::expected<int, own_error> { return 1; });
        static_assert(std::same_as<decltype(widened),
                                   const std::expected<int, keel::error_of<own_error, keel::errc::limit_exceeded>>>);
        REQUIRE(!widened);
        CHECK(std::holds_alternative<keel::limit_exceeded>(widened.error()));
    });
    CHECK(&p([&]() -> int& { return value; }) == &value);
    CHECK(p([] { return std::error_code(); }) == std::error_code());
    CHECK(p.state<0>().in_flight() == 0);
}

TEST_CASE("the permit goes back however the call ends") {
    keel::manual_clock clock;
    keel::pipeline p{one_only | keel::timeout(1s), clock};
    const auto is_back = [&] { return p.state<0>().in_flight() == 0; };
    CHECK((p(good) && is_back()));
    CHECK((!p(bad) && is_back()));
    CHECK((!p(cancelled) && is_back()));
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(is_back());
    CHECK(p.attempt([&] { return clock.advance(2s), 1; }).error() == keel::errc::timed_out);
    CHECK(is_back());

    keel::pipeline refusing{one_only | keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}), clock};
    refusing(bad);
    CHECK(refusing(good).error() == keel::errc::circuit_open);
    CHECK(refusing.state<0>().in_flight() == 0);
}

TEST_CASE("the permit goes back if a hook throws, further in or further out") {
    keel::manual_clock clock;
    const auto throwing = [](int) -> bool { throw std::logic_error("x"); };
    const auto once = keel::retry<keel::constant>.failing_if(throwing);
    keel::pipeline in{one_only | once, clock};
    keel::pipeline out{once | one_only, clock};
    keel::pipeline own{one_only.failing_if(throwing), clock};
    CHECK_THROWS_AS(in([] { return 1; }), std::logic_error);
    CHECK_THROWS_AS(out([] { return 1; }), std::logic_error);
    CHECK_THROWS_AS(own([] { return 1; }), std::logic_error);
    CHECK(in.state<0>().in_flight() == 0);
    CHECK(out.state<1>().in_flight() == 0);
    CHECK(own.state<0>().in_flight() == 0);
}

TEST_CASE("right of a retry each attempt takes a permit, and one that is refused is tried again") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3}) | one_only, clock};
    int calls = 0;
    CHECK(!p.attempt([&]() -> int { throw ++calls; }));
    CHECK(calls == 3);
    inside(p, 1, [&] {
        const keel::time_point before = clock.now();
        CHECK(p.attempt([&] { return ++calls; }).error() == keel::errc::limit_exceeded);
        CHECK(clock.now() == before + 20ms);
    });
    CHECK(calls == 3);
    CHECK(p.state<1>().in_flight() == 0);
}

TEST_CASE("a breaker further out does not count what exceeds the limit") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) | one_only, clock};
    inside(p, 1, [&] {
        for (int i = 0; i < 5; ++i)
            CHECK(p(good).error() == keel::errc::limit_exceeded);
    });
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

TEST_CASE("strict() finds a limit outside a retry, which holds its permit through the waits") {
    CHECK_THROWS_AS(keel::strict(keel::limit<> | keel::retry<> | keel::breaker<>), keel::invalid_config);
    CHECK_NOTHROW(keel::strict(keel::retry<> | keel::limit<> | keel::breaker<>));
}

TEST_CASE("a limit is found by its name and tells its figures") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1h) | keel::named<"lim">(keel::limit<>({.initial = 7, .minimum_calls = 1})), clock};
    CHECK(p.get<"lim">().limit() == 7);
    p([&] { CHECK(p.get<"lim">().in_flight() == 1); });
    p([&] { clock.advance(2s); });
    CHECK(p.get<"lim">().latency() == keel::nanos(1s)); // of two calls, 0 s and 2 s
}

TEST_CASE("the limit is set when a window is over, and not before") {
    flights_of<decltype(additive)> p(additive);
    const auto burst = [&] {
        auto a = p.begin(), b = p.begin(), c = p.begin();
        REQUIRE((a && b && c));
        p.succeed(*a), p.succeed(*b), p.succeed(*c);
    };
    burst(); // begins the first window
    CHECK(p.state.limit() == 4);
    p.clock.advance(1s - 1ns);
    burst();
    CHECK(p.state.limit() == 4);
    p.clock.advance(1ns);
    burst();
    CHECK(p.state.limit() == 5);
    p.clock.advance(1s - 1ns);
    burst();
    CHECK(p.state.limit() == 5);
    p.clock.advance(1ns);
    burst();
    CHECK(p.state.limit() == 6);
}

TEST_CASE("a window with too few calls lasts longer, and what it saw is not lost") {
    flights_of<decltype(additive)> p(additive);
    const auto use = [&] {
        auto a = p.begin(), b = p.begin();
        REQUIRE((a && b));
        p.succeed(*a);
        p.drop(*b);
    };
    use();
    p.clock.advance(1s);
    use();
    CHECK(p.state.limit() == 4); // 2 calls
    p.clock.advance(1s - 1ns);
    use(); // 3 calls, but it ends later now
    CHECK(p.state.limit() == 4);
    p.clock.advance(1ns);
    use();
    CHECK(p.state.limit() == 5);
}

TEST_CASE("a limit grows only if half of it was used") {
    flights_of<decltype(additive)> p(additive);
    for (int i = 0; i < 20; ++i) {
        auto a = p.begin();
        REQUIRE(a);
        p.succeed(*a);
        p.clock.advance(500ms);
    }
    CHECK(p.state.limit() == 4);
    auto held = p.begin();
    REQUIRE(held);
    for (int i = 0; i < 4; ++i) {
        auto a = p.begin(); // two of four
        REQUIRE(a);
        p.succeed(*a);
        p.clock.advance(500ms);
    }
    CHECK(p.state.limit() == 5);
}

TEST_CASE("calls that began in an earlier window and are still inside use the limit") {
    constexpr auto policy = keel::limit<aimd>({.initial = 10, .minimum_calls = 1});
    flights_of<decltype(policy)> p(policy);
    std::vector<typename decltype(p)::flight> held;
    for (int i = 0; i < 10; ++i)
        held.push_back(*p.begin());
    // After the first of each window: 8 of 10, 7 of 11 and 6 of 12, but 5 of 13.
    for (const unsigned limit : {10u, 11u, 12u, 13u, 13u}) {
        p.succeed(held.back());
        held.pop_back();
        p.clock.advance(1s);
        CHECK(p.state.limit() == limit);
    }
}

TEST_CASE("too great a share of failures makes the limit fall, once in a window") {
    for (const auto& [failures, limit] : {std::pair{0, 11u}, {5, 11u}, {6, 9u}, {100, 9u}}) {
        constexpr auto policy = keel::limit<aimd>({.initial = 10, .minimum_calls = 100});
        flights_of<decltype(policy)> p(policy);
        std::vector<typename decltype(p)::flight> held;
        for (int i = 0; i < 5; ++i)
            held.push_back(*p.begin());
        for (int i = 0; i < 100; ++i) {
            auto each = p.begin();
            REQUIRE(each);
            if (i == 99) p.clock.advance(1s);
            if (i < failures)
                p.fail(*each);
            else
                p.succeed(*each);
        }
        CHECK(p.state.limit() == limit);
    }
}

TEST_CASE("what is ignored, dropped or refused tells a limit nothing") {
    flights_of<decltype(additive)> p(additive);
    const auto pass = [&](auto how) {
        auto a = p.begin(), b = p.begin(), c = p.begin();
        REQUIRE((a && b && c));
        (p.*how)(*a), (p.*how)(*b), (p.*how)(*c);
        p.clock.advance(1s);
    };
    pass(&decltype(p)::succeed);
    for (int i = 0; i < 5; ++i)
        pass(&decltype(p)::ignore), pass(&decltype(p)::drop);
    CHECK(p.state.limit() == 4);
    pass(&decltype(p)::fail);
    CHECK(p.state.limit() == 3); // of six calls three failed
    pass(&decltype(p)::fail);
    CHECK(p.state.limit() == 3); // 3.6 before, 3.24 now
    pass(&decltype(p)::fail);
    CHECK(p.state.limit() == 2);
}

TEST_CASE("a limit stays between min and max") {
    constexpr auto policy = keel::limit<aimd>({.min = 2, .initial = 3, .max = 4, .minimum_calls = 1});
    flights_of<decltype(policy)> p(policy);
    const auto pass = [&](auto how) {
        auto a = p.begin(), b = p.begin();
        REQUIRE((a && b));
        p.clock.advance(1s);
        (p.*how)(*a), (p.*how)(*b);
    };
    for (int i = 0; i < 10; ++i)
        pass(&decltype(p)::succeed);
    CHECK(p.state.limit() == 4);
    for (int i = 0; i < 20; ++i)
        pass(&decltype(p)::fail);
    CHECK(p.state.limit() == 2);
    CHECK(p.state.in_flight() == 0);
}

TEST_CASE("a limit that falls sends nobody away who is inside") {
    constexpr auto policy = keel::limit<aimd>({.initial = 4, .minimum_calls = 1, .strategy = {.backoff = 0.5}});
    flights_of<decltype(policy)> p(policy);
    std::vector<typename decltype(p)::flight> held;
    for (int i = 0; i < 4; ++i)
        held.push_back(*p.begin());
    p.fail(held[0]);
    p.clock.advance(1s);
    auto other = p.begin();
    REQUIRE(other);
    p.fail(*other);
    CHECK(p.state.limit() == 2);
    CHECK(p.state.in_flight() == 3);
    CHECK(!p.begin());
    p.succeed(held[1]);
    CHECK(!p.begin());
    p.succeed(held[2]);
    CHECK(p.begin());
    p.succeed(held[3]);
    CHECK(p.state.in_flight() == 1);
}

TEST_CASE("a failure at once is no sign of a quick callee") {
    constexpr auto policy = keel::limit<gradient>({.minimum_calls = 1});
    flights_of<decltype(policy)> p(policy);
    const auto pass = [&](keel::nanos takes, auto how) {
        auto a = p.begin();
        REQUIRE(a);
        p.clock.advance(takes);
        (p.*how)(*a);
        return p.state.latency();
    };
    pass(1s, &decltype(p)::succeed);
    CHECK(pass(1s, &decltype(p)::succeed) == keel::nanos(1s));
    CHECK(pass(0s, &decltype(p)::fail) == keel::nanos(1s));
    p.clock.advance(1s);
    CHECK(pass(0s, &decltype(p)::fail) == keel::nanos(1s));
    CHECK(pass(4s, &decltype(p)::fail) == keel::nanos(4s)); // that took long is another matter
    CHECK(pass(2s, &decltype(p)::succeed) == keel::nanos(2s));
}

TEST_CASE("a limit is told which results are failures, and which do not count") {
    keel::manual_clock clock;
    constexpr auto policy = keel::limit<aimd>({.initial = 2, .minimum_calls = 1, .strategy = {.backoff = 0.5}});
    keel::pipeline p{
        policy.failing_if([](int status) { return status == 503; }).ignoring_if([](int status) { return status == 0; }),
        clock};
    const auto limit_after = [&](int status) {
        clock.advance(1s);
        CHECK(p([=] { return status; }) == status);
        return p.state<0>().limit();
    };
    CHECK(limit_after(200) == 2);
    CHECK(limit_after(404) == 3);
    CHECK(limit_after(0) == 3);
    CHECK(limit_after(503) == 1);
}

TEST_CASE("what comes too late is a failure to a limit further out") {
    keel::manual_clock clock;
    constexpr auto policy = keel::limit<aimd>({.initial = 2, .minimum_calls = 1, .strategy = {.backoff = 0.5}});
    keel::pipeline p{policy | keel::timeout(1s), clock};
    CHECK(p([] { return 1; }) == 1);
    CHECK(!p.attempt([&] { return clock.advance(2s), 1; }));
    CHECK(p.state<0>().limit() == 1);
}

TEST_CASE("a clock that stands still, or leaps, sets no limit out of its range") {
    constexpr auto policy = keel::limit<gradient>({.minimum_calls = 1});
    flights_of<decltype(policy)> p(policy);
    for (const auto leap : {0ns, 1ns, 3600'000'000'000ns, std::chrono::nanoseconds(24h * 365 * 90), 0ns, 1ns}) {
        for (int i = 0; i < 100; ++i) {
            std::vector<typename decltype(p)::flight> held;
            while (auto f = p.begin())
                held.push_back(*f);
            p.clock.advance(leap / 100);
            for (auto& f : held)
                p.succeed(f);
            REQUIRE(p.state.limit() >= 1);
            REQUIRE(p.state.limit() <= 200);
        }
    }
    CHECK(p.state.in_flight() == 0);
}

TEST_CASE("a strategy that makes no number gets the least limit") {
    for (const auto& [says, limit] :
         {std::pair{std::numeric_limits<double>::quiet_NaN(), 3u}, {1e300, 50u}, {-1.0, 3u}, {49.99, 49u}}) {
        support::flights p(keel::limit<undecided>({.min = 3, .max = 50, .minimum_calls = 1, .strategy = {says}}));
        for (int i = 0; i < 2; ++i) {
            auto f = p.begin();
            REQUIRE(f);
            p.succeed(*f);
            p.clock.advance(1s);
        }
        CHECK(p.state.limit() == limit);
    }
}

TEST_CASE("threads that have no shard are counted as well") {
    // More threads than shards live at once; of their calls some count without one.
    constexpr int most = 20;
    constexpr auto policy = keel::limit<aimd>({.initial = 4, .minimum_calls = most + 2});
    flights_of<decltype(policy)> p(policy);
    auto first = p.begin();
    REQUIRE(first);
    p.succeed(*first);
    std::optional<std::jthread> threads[most];
    std::atomic<int> done{0}, left{most};
    for (auto& t : threads) {
        t.emplace([&] {
            auto f = p.begin();
            while (!f)
                f = p.begin();
            p.succeed(*f);
            ++done;
            --left;
            while (left > 0)
                std::this_thread::yield();
        });
    }
    for (auto& t : threads)
        t->join();
    CHECK(done == most);
    CHECK(p.state.in_flight() == 0);
    CHECK(p.state.limit() == 4);
    p.clock.advance(1s);
    auto last = p.begin(), other = p.begin();
    REQUIRE((last && other));
    p.succeed(*last);
    CHECK(p.state.limit() == 5); // of all calls
    p.drop(*other);
}

TEST_CASE("limit does the same on either lane") {
    keel::manual_clock clock;
    constexpr auto policy = keel::limit<gradient>({.initial = 3, .minimum_calls = 2});
    keel::pipeline p{policy, clock};
    keel::pipeline cold{support::cold_only<std::remove_const_t<decltype(policy)>>{policy}, clock};
    for (int i = 0; i < 5000; ++i) {
        const auto takes = std::chrono::milliseconds(i % 400 < 200 ? i % 37 : i % 311);
        const auto f = [&]() -> result {
            clock.advance(takes);
            return i % 97 == 0 ? bad() : i % 89 == 0 ? cancelled() : good();
        };
        // The same times for both.
        const keel::time_point start = clock.now();
        const result a = i % 3 == 0 ? p([&] { return p(f); }) : p(f);
        const keel::time_point end = clock.now();
        clock.set(start);
        const result b = i % 3 == 0 ? cold([&] { return cold(f); }) : cold(f);
        REQUIRE(clock.now() == end);
        REQUIRE(a == b);
        REQUIRE(p.state<0>().limit() == cold.state<0>().limit());
        REQUIRE(p.state<0>().latency() == cold.state<0>().latency());
    }
    CHECK(p.state<0>().limit() != 3);
}

TEST_CASE("limit refuses values out of range") {
    const auto of = [](const keel::limit_config<>& c) { return config_message([&] { return keel::limit<>(c); }); };
    CHECK(of({.min = 0}) == "keel: limit.min = 0: must be at least 1");
    CHECK(of({.min = 5, .max = 4}) == "keel: limit.max = 4: must be at least min and at most 1000000");
    CHECK(of({.max = 1'000'001}) == "keel: limit.max = 1000001: must be at least min and at most 1000000");
    CHECK(of({.min = 21}) == "keel: limit.initial = 20: must be from min to max");
    CHECK(of({.initial = 201}) == "keel: limit.initial = 201: must be from min to max");
    CHECK(of({.window = 0s}) == "keel: limit.window = 0: must be above 0 and at most 100 years");
    CHECK(of({.minimum_calls = 0}) == "keel: limit.minimum_calls = 0: must be at least 1");
    CHECK(of({.failure_rate = -0.1}) == "keel: limit.failure_rate = -0.10000000000000001: must be from 0 to 1");
    CHECK(of({.failure_rate = std::numeric_limits<double>::quiet_NaN()}) != "accepted");
    CHECK(of({.failure_rate = 1.5}) == "keel: limit.failure_rate = 1.5: must be from 0 to 1");
    CHECK(of({.strategy = {.tolerance = 11}}) == "keel: limit.strategy.tolerance = 11: must be from 1 to 10");
    CHECK(of({.strategy = {.long_windows = 1'000'001}}) ==
          "keel: limit.strategy.long_windows = 1000001: must be from 1 to 1000000");
    CHECK(of({.strategy = {.probe_every = 1'000'001}}) ==
          "keel: limit.strategy.probe_every = 1000001: must be from 4 to 1000000");
    CHECK(of({.strategy = {.tolerance = 0.9}}) ==
          "keel: limit.strategy.tolerance = 0.90000000000000002: must be from 1 to 10");
    CHECK(of({.strategy = {.smoothing = 0}}) == "keel: limit.strategy.smoothing = 0: must be above 0 and at most 1");
    CHECK(of({.strategy = {.long_windows = 0}}) == "keel: limit.strategy.long_windows = 0: must be from 1 to 1000000");
    CHECK(of({.strategy = {.probe_every = 3}}) == "keel: limit.strategy.probe_every = 3: must be from 4 to 1000000");
    CHECK(of({.min = 1, .initial = 1, .max = 1, .failure_rate = 0}) == "accepted");
    CHECK(config_message([] { return keel::limit<aimd>({.strategy = {.increase = 0}}); }) ==
          "keel: limit.strategy.increase = 0: must be above 0 and at most 1000");
    CHECK(config_message([] { return keel::limit<aimd>({.strategy = {.increase = 1001}}); }) ==
          "keel: limit.strategy.increase = 1001: must be above 0 and at most 1000");
    CHECK(config_message([] { return keel::limit<aimd>({.strategy = {.backoff = 0.0625}}); }) ==
          "keel: limit.strategy.backoff = 0.0625: must be at least 0.1 and below 1");
    CHECK(config_message([] { return keel::limit<aimd>({.strategy = {.backoff = 1}}); }) ==
          "keel: limit.strategy.backoff = 1: must be at least 0.1 and below 1");
    static_assert(!keel::limit<>.validate() && !keel::limit<aimd>.validate());
}
