// SPDX-License-Identifier: BSL-1.0
// Which calls are picked, and what comes of faults and latency. Results and behaviors: test_chaos_answers.cpp.
#include "support/cold_only.hpp"
#include "support/hooked_clock.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/chaos.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/explain.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/random.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <expected>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using keel::chaos;
using keel::errc;
using support::result;

namespace {
constexpr auto always = chaos({.rate = 1});

/// Counts what it holds; gives it back in `settle` or `abandon`, in whichever comes.
struct permits {
    int* held;
    keel::admission admit(keel::call&, auto&) const { return ++*held, keel::proceed; }
    keel::verdict settle(keel::call&, auto&, auto&) const { return --*held, keel::verdict::keep(); }
    void abandon(keel::call&, auto&) const noexcept { --*held; }
};

/// Refuses off the healthy path, and counts where that is done the long way.
struct refuses_quickly {
    int* slowly;
    static constexpr errc rejections[] = {errc::rate_limited};
    bool fast_admit(keel::call&) const noexcept { return false; }
    bool fast_settle(keel::call&) const noexcept { return true; }
    keel::admission fast_refuse(keel::call&) const noexcept { return keel::refuse(errc::rate_limited); }
    keel::admission admit(keel::call&, auto&) const { return ++*slowly, keel::refuse(errc::rate_limited); }
    keel::verdict settle(keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
};

struct stop_flag {
    bool requested = true;
    bool stop_requested() const noexcept { return requested; }
};

template <class Pipeline>
std::string pattern(Pipeline& p, int calls) {
    std::string seen;
    for (int i = 0; i < calls; ++i)
        seen += p.attempt([] { return 1; }) ? '.' : '!';
    return seen;
}
std::string drawn(keel::random_source& random, double rate, int calls) {
    std::string expected;
    for (int i = 0; i < calls; ++i)
        expected += random.unit() < rate ? '!' : '.';
    return expected;
}

template <class F>
keel::config_error wrong_with(F make) {
    try {
        make();
    } catch (const keel::invalid_config& e) {
        return {e.policy(), e.field(), e.value(), e.range()};
    }
    return {};
}
bool names(const keel::config_error& e, const char* field) {
    return e && e.policy == std::string("chaos") && e.field == std::string(field);
}
} // namespace

TEST_CASE("without a rate chaos does nothing, and asks nothing") {
    int asked = 0;
    keel::pipeline p{keel::named<"c">(chaos.fault().when([&] { return ++asked, true; }))};
    CHECK(p([] { return 1; }) == 1);
    CHECK(pattern(p, 1000).find('!') == std::string::npos);
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(asked == 0);
    CHECK(p.get<"c">().injected() == 0);
}

TEST_CASE("a fault is errc::injected in place of the call, for whatever the function returns") {
    keel::pipeline p{always.fault()};
    int runs = 0;
    try {
        p([&] { ++runs; });
        FAIL("nothing was thrown");
    } catch (const keel::rejected& e) {
        CHECK(e.reason() == errc::injected);
        CHECK(e.retry_after() == 0ns);
    }
    int spare = 0;
    CHECK_THROWS_AS(p([&]() -> int& { return ++runs, spare; }), keel::rejected);
    CHECK(p([&]() -> result { return ++runs; }).error() == make_error_code(errc::injected));
    CHECK(p([&]() -> std::error_code { return ++runs, std::error_code(); }) == errc::injected);
    CHECK(p([&]() -> std::expected<void, errc> { return ++runs, std::expected<void, errc>(); }).error() ==
          errc::injected);
    const auto widened = p([&]() -> std::expected<int, std::string> { return ++runs; });
    CHECK(std::get_if<keel::injected>(&widened.error()) != nullptr);
    CHECK(p.attempt([&] { return ++runs; }).error() == errc::injected);
    CHECK(p.attempt([&]() -> result { return ++runs; }).error() == errc::injected);
    CHECK(runs == 0);
}

TEST_CASE("with a seed the same calls are picked in every run") {
    for (const double rate : {0.01, 0.5, 0.99}) {
        const auto configured = chaos({.rate = rate, .seed = 42}).fault();
        keel::random_source random(42);
        const std::string expected = drawn(random, rate, 2000);
        keel::pipeline p{configured};
        CHECK(pattern(p, 2000) == expected);
        keel::pipeline q{configured};
        CHECK(pattern(q, 2000) == expected);
        keel::pipeline other{configured({.rate = rate, .seed = 43})};
        CHECK(pattern(other, 2000) != expected);
    }
}

TEST_CASE("with a seed threads share the draws, however their calls interleave") {
    constexpr int threads = 4, calls = 2000;
    keel::pipeline p{keel::named<"c">(chaos({.rate = 0.3, .seed = 7}).fault())};
    std::atomic<int> failed{0};
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < threads; ++i) {
            all.emplace_back([&] {
                for (const char each : pattern(p, calls))
                    failed += each == '!';
            });
        }
    }
    keel::random_source random(7);
    int expected = 0;
    for (const char each : drawn(random, 0.3, threads * calls))
        expected += each == '!';
    CHECK(failed == expected);
    CHECK(p.get<"c">().injected() == static_cast<std::uint64_t>(expected));
}

TEST_CASE("without a seed chaos draws from the thread's generator") {
    keel::pipeline p{chaos({.rate = 0.25}).fault()};
    keel::thread_random().seed(99);
    const std::string once = pattern(p, 1000);
    keel::thread_random().seed(99);
    CHECK(pattern(p, 1000) == once);
    keel::random_source random(99);
    CHECK(once == drawn(random, 0.25, 1000));
}

TEST_CASE("the share of the calls that are picked is the rate") {
    for (const double rate : {1e-3, 0.1, 0.7}) {
        constexpr int calls = 100'000;
        keel::pipeline p{keel::named<"c">(chaos({.rate = rate, .seed = 5}).fault())};
        pattern(p, calls);
        const auto injected = static_cast<double>(p.get<"c">().injected());
        CHECK(std::abs(injected - calls * rate) < 4 * std::sqrt(calls * rate * (1 - rate)));
    }
}

TEST_CASE("chaos is switched on and off at run time") {
    std::atomic<bool> on{false};
    keel::pipeline p{keel::named<"c">(chaos({.rate = 1, .enabled = &on}).fault())};
    CHECK(p([] { return 1; }) == 1);
    on = true;
    CHECK(!p.attempt([] { return 1; }));
    CHECK(!p.attempt([] { return 1; }));
    on = false;
    CHECK(p([] { return 1; }) == 1);
    CHECK(p.get<"c">().injected() == 2);
}

TEST_CASE("while chaos is off nothing is drawn and no predicate asked") {
    std::atomic<bool> on{false};
    int asked = 0;
    keel::pipeline p{chaos({.rate = 0.5, .enabled = &on, .seed = 42}).fault().when([&] { return ++asked, true; })};
    // On the cold lane too.
    for (int i = 0; i < 10; ++i)
        CHECK(!p.attempt([]() -> int { throw 1; }));
    keel::pipeline cold{support::cold_only{chaos({.rate = 0.5, .enabled = &on, .seed = 42}).fault()}};
    CHECK(pattern(cold, 50) == std::string(50, '.'));
    on = true;
    keel::random_source random(42), again(42);
    CHECK(pattern(p, 50) == drawn(random, 0.5, 50));
    CHECK(pattern(cold, 50) == drawn(again, 0.5, 50));
    CHECK(asked == 50);
}

TEST_CASE("a predicate, told the context or nothing, says which calls may be picked") {
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(1s) | always.fault().when([](const keel::context& c) {
                         return c.remaining() == 1s && c.attempt() == 0;
                     }),
                     time};
    CHECK(!p.attempt([] { return 1; }));
    CHECK(p(keel::context(keel::time_point(500ms)), [] { return 1; }) == 1);
    bool eligible = false;
    keel::pipeline q{always.when([&] { return eligible; }).fault()};
    CHECK(q([] { return 1; }) == 1);
    eligible = true;
    CHECK(!q.attempt([] { return 1; }));
}

TEST_CASE("calls that may not be picked take no draw") {
    bool eligible = true;
    keel::pipeline p{chaos({.rate = 0.5, .seed = 11}).fault().when([&] { return eligible; })};
    keel::random_source random(11);
    const std::string expected = drawn(random, 0.5, 100);
    std::string seen;
    for (int i = 0; i < 100; ++i) {
        eligible = false;
        CHECK(pattern(p, 3) == "...");
        eligible = true;
        seen += pattern(p, 1);
    }
    CHECK(seen == expected);
}

TEST_CASE("what a predicate throws ends the call, and what was taken goes back") {
    int held = 0, runs = 0;
    keel::pipeline p{permits{&held} | always.fault().when([]() -> bool { throw std::range_error("asked"); })};
    CHECK_THROWS_AS(p([&] { ++runs; }), std::range_error);
    CHECK(!p.attempt([&] { ++runs; }));
    CHECK(held == 0);
    CHECK(runs == 0);
}

TEST_CASE("latency waits by the pipeline's clock, and the call goes on") {
    support::hooked_clock time;
    keel::pipeline p{always.latency(50ms), time};
    keel::time_point began;
    CHECK(p([&] { return began = time.state->time.now(), 1; }) == 1);
    CHECK(began == keel::time_point(50ms));
    CHECK(time.state->sleeps == 1);
    CHECK(time.state->readings == 1); // with a deadline there is another, to see whether that has passed
    // Its failures are its own.
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(p(support::bad).error() == std::errc::io_error);
    CHECK(time.state->time.now() == keel::time_point(150ms));
}

TEST_CASE("latencies add up, and a fault may come after them") {
    keel::manual_clock time;
    keel::pipeline p{always.latency(50ms).latency(20ms).fault(), time};
    CHECK(p.attempt([] { return 1; }).error() == errc::injected);
    CHECK(time.now() == keel::time_point(70ms));
}

TEST_CASE("latency ends at the call's deadline, and so does the call") {
    for (const auto latency : {std::chrono::milliseconds(1000), std::chrono::milliseconds(1001), 10'000ms}) {
        support::hooked_clock time;
        int runs = 0;
        keel::pipeline p{keel::timeout(1s) | always.latency(latency).fault(), time};
        CHECK(p.attempt([&] { return ++runs; }).error() == errc::timed_out);
        CHECK(time.state->time.now() == keel::time_point(1s));
        CHECK(runs == 0);
    }
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(1s) | always.latency(999ms), time};
    CHECK(p([] { return 1; }) == 1);
    // Without a timeout of its own, by that of the call around it.
    keel::pipeline q{always.latency(10s), time};
    CHECK(q.attempt(keel::context(keel::time_point(3s)), [] { return 1; }).error() == errc::timed_out);
    CHECK(time.now() == keel::time_point(3s));
    // It has passed already.
    CHECK(q.attempt(keel::context(keel::time_point(2s)), [] { return 1; }).error() == errc::timed_out);
    CHECK(time.now() == keel::time_point(3s));
}

TEST_CASE("a wait that lasts longer than it should, past the deadline, ends the call") {
    support::hooked_clock time;
    int runs = 0;
    keel::pipeline p{keel::timeout(1s) | always.latency(10ms), time};
    time.at_sleep(1, [&] { time.advance(2s); });
    CHECK(p.attempt([&] { return ++runs; }).error() == errc::timed_out);
    CHECK(runs == 0);
    // Without a deadline there is none to miss.
    keel::pipeline q{always.latency(10ms), time};
    time.at_sleep(1, [&] { time.advance(2s); });
    CHECK(q([&] { return ++runs; }) == 1);
}

TEST_CASE("no wait is taken up once the call is to be stopped") {
    keel::manual_clock time;
    const stop_flag flag;
    keel::pipeline p{always.latency(50ms), time};
    CHECK(p(keel::context(flag), [] { return 1; }) == 1);
    CHECK(time.now() == keel::time_point());
    keel::pipeline q{always.latency(50ms).fault(), time};
    CHECK(q.attempt(keel::context(flag), [] { return 1; }).error() == errc::injected);
    CHECK(time.now() == keel::time_point());
}

TEST_CASE("a wait that throws ends the call, and what was taken goes back") {
    support::hooked_clock time;
    int held = 0, runs = 0;
    keel::pipeline p{permits{&held} | always.latency(50ms), time};
    time.state->on_sleep = [](keel::time_point) { throw std::range_error("woken"); };
    CHECK_THROWS_AS(p([&] { ++runs; }), std::range_error);
    CHECK(held == 0);
    CHECK(runs == 0);
}

TEST_CASE("the longest latency ends on a clock that stands far ahead") {
    keel::manual_clock time;
    time.set(keel::time_point(std::chrono::hours(24 * 365 * 100)));
    keel::pipeline p{always.latency(keel::longest), time};
    CHECK(p([] { return 1; }) == 1);
    CHECK(time.now() == keel::time_point(std::chrono::hours(24 * 365 * 200)));
}

TEST_CASE("to a breaker further out, faults and missed deadlines are failures of the callee") {
    keel::manual_clock time;
    constexpr auto opens_at_once = keel::breaker<>({.minimum_calls = 1});
    keel::pipeline faulty{opens_at_once | always.fault(), time};
    CHECK(!faulty.attempt([] { return 1; }));
    CHECK(faulty.circuit().state() == keel::circuit_state::open);
    keel::pipeline late{keel::timeout(1s) | opens_at_once | always.latency(1h), time};
    CHECK(!late.attempt([] { return 1; }));
    CHECK(late.circuit().state() == keel::circuit_state::open);
    // Further in it sees nothing of them.
    keel::pipeline unseen{always.fault() | opens_at_once, time};
    CHECK(!unseen.attempt([] { return 1; }));
    CHECK(unseen.circuit().state() == keel::circuit_state::closed);
    CHECK(unseen.circuit().stats().window.calls == 0);
}

TEST_CASE("right of retry each attempt is picked anew, and a fault is tried again") {
    keel::manual_clock time;
    constexpr auto tries = keel::retry<keel::constant>({.attempts = 10, .backoff = {.every = 1ms}});
    keel::random_source random(16);
    const std::string expected = drawn(random, 0.5, 10);
    REQUIRE(expected.substr(0, 2) == "!!"); // else another seed shows more
    keel::pipeline p{tries | chaos({.rate = 0.5, .seed = 16}).fault(), time};
    int runs = 0;
    CHECK(p([&](const keel::context& c) { return ++runs, c.attempt(); }) == 1);
    CHECK(runs == 1);
    CHECK(time.now() == keel::time_point(std::chrono::milliseconds(expected.find('.'))));
    // Left of it, once for all attempts.
    keel::pipeline q{always.fault() | tries, time};
    CHECK(q.attempt([&] { return ++runs; }).error() == errc::injected);
    CHECK(runs == 1);
}

TEST_CASE("an attempt that is not picked runs after the express lane has tried the first") {
    keel::manual_clock time;
    std::atomic<bool> on{false};
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3}) | chaos({.rate = 1, .enabled = &on}).fault(), time};
    int runs = 0;
    const auto turning_on = [&]() -> int {
        ++runs;
        on = true;
        throw 1;
    };
    CHECK(p.attempt(turning_on).error() == errc::injected);
    CHECK(runs == 1);
}

TEST_CASE("off, chaos lets through what others refuse, and on it comes first") {
    keel::manual_clock time;
    std::atomic<bool> on{false};
    keel::pipeline p{
        keel::timeout(1s) | chaos({.rate = 1, .enabled = &on}).fault() | keel::breaker<>({.minimum_calls = 1}), time};
    CHECK(!p.attempt([]() -> int { throw 1; }));
    CHECK(p.attempt([] { return 1; }).error() == errc::circuit_open);
    on = true;
    CHECK(p.attempt([] { return 1; }).error() == errc::injected);
}

TEST_CASE("off, chaos keeps nobody further in from refusing at once") {
    int slowly = 0;
    keel::pipeline p{chaos.fault() | refuses_quickly{&slowly}};
    CHECK(p.attempt([] { return 1; }).error() == errc::rate_limited);
    CHECK(slowly == 0);
}

TEST_CASE("what stands left of chaos admits a call once, whichever lane it ends on") {
    int held = 0;
    keel::pipeline p{keel::timeout(1s) | permits{&held} | keel::retry<>({.attempts = 1}) |
                     chaos({.rate = 0.5, .seed = 1}).fault()};
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(p.attempt([&] { return held; }));
        CHECK(held == 0);
    }
}

TEST_CASE("several of them are drawn one by one, from the outside in") {
    keel::manual_clock time;
    keel::pipeline p{chaos({.rate = 0.5, .seed = 1}).latency(1s) | chaos({.rate = 0.5, .seed = 2}).fault(), time};
    keel::random_source slow(1), faulty(2);
    for (int i = 0; i < 200; ++i) {
        const keel::time_point before = time.now();
        const bool failed = !p.attempt([] { return 1; });
        CHECK((time.now() - before == 1s) == (slow.unit() < 0.5));
        CHECK(failed == (faulty.unit() < 0.5));
    }
}

TEST_CASE("what can't be is refused when it is configured") {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (const double rate : {-0.1, 1.001, nan, std::numeric_limits<double>::infinity(), -1e-300})
        CHECK(names(wrong_with([&] { static_cast<void>(chaos({.rate = rate})); }), "rate"));
    for (const double rate : {0.0, 1e-300, 1.0})
        CHECK(!wrong_with([&] { static_cast<void>(chaos({.rate = rate})); }));
    for (const keel::nanos d : {keel::nanos(0), keel::nanos(-1), keel::nanos::max(), keel::nanos::min()}) {
        const auto wrong = wrong_with([&] { static_cast<void>(always.latency(d)); });
        CHECK(names(wrong, "latency"));
        CHECK(wrong.value == static_cast<double>(d.count));
    }
    CHECK(!wrong_with([&] { static_cast<void>(always.latency(keel::longest)); }));
    CHECK(names(wrong_with([&] { static_cast<void>(always.when(static_cast<bool (*)()>(nullptr))); }), "when"));
    CHECK(names(wrong_with([&] { static_cast<void>(always.result(static_cast<int (*)()>(nullptr))); }), "result"));
    CHECK(names(wrong_with([&] { static_cast<void>(always.behavior(static_cast<void (*)()>(nullptr))); }), "behavior"));
    // Or, made by hand, by the pipeline.
    auto by_hand = always.fault();
    by_hand.config.rate = 2;
    CHECK(names(wrong_with([&] { keel::pipeline p{by_hand}; }), "rate"));
}

TEST_CASE("chaos says what it may refuse with, and how long it waits") {
    using keel::detail::rejections_of;
    static_assert(rejections_of<decltype(always.fault())>() == std::array{errc::injected});
    static_assert(rejections_of<decltype(always.latency(1s))>() == std::array{errc::timed_out});
    static_assert(rejections_of<decltype(always.latency(1s).fault())>() == std::array{errc::timed_out, errc::injected});
    static_assert(rejections_of<decltype(always.result(0))>().empty());
    static_assert(rejections_of<decltype(always.behavior([] {}))>().empty());

    const auto e = keel::explain(keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}) |
                                 always.latency(50ms).latency(20ms).fault() | keel::timeout(100ms));
    CHECK(e.duration == keel::nanos(3 * (100ms + 70ms) + 20ms));
    CHECK(e.can_be(errc::injected));
    CHECK(std::string(e.text()).find("chaos: injects trouble into a share of the calls, waits for up to 70 ms\n") !=
          std::string::npos);
    const auto off = keel::explain(chaos.latency(1h) | keel::timeout(1s));
    CHECK(off.duration == keel::nanos(1s));
    CHECK(std::string(off.text()).starts_with("chaos: is off\n"));
    CHECK(always.latency(keel::longest).latency(keel::longest).latency(keel::longest).facts().waits ==
          keel::nanos::max());
}
