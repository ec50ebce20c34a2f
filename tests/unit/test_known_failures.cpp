// SPDX-License-Identifier: BSL-1.0
// One case for each way in which circuit breakers elsewhere have been seen to fail; its name says which.
#include "support/chi_squared.hpp"
#include "support/circuit_configs.hpp"
#include "support/hand_driven.hpp"
#include "support/recorder.hpp"
#include "support/results.hpp"
#include "support/thrower.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/pipeline.hpp>
#include <keel/random.hpp>
#include <keel/retry.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <random>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <type_traits>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::ending;
using keel::sliding_time_window;
using keel::sliding_window;
using support::trips_at;

namespace {

template <class W>
using driven = support::hand_driven<W>;

/// Half-open, with no probe out.
template <class W>
struct half_open : driven<W> {
    explicit half_open(int probes)
      : driven<W>(trips_at<W>(1, probes), 1000s) {
        this->circuit.half_open();
    }
};

struct cancelled : std::runtime_error {
    cancelled()
      : std::runtime_error("cancelled") {}
};

} // namespace

TEST_CASE_TEMPLATE("failure: a probe never returns, and the circuit stays half-open for ever", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    for (const int probes : {1, 2, 63}) {
        half_open<W> c(probes);
        for (int i = 0; i < probes; ++i)
            REQUIRE(c.ask());
        REQUIRE(!c.ask());
        c.clock.advance(5s - 1ns);
        CHECK(!c.ask());
        c.clock.advance(1ns);
        for (int i = 0; i < probes; ++i)
            CHECK(c.succeed() == (c.state() != circuit_state::open));
        CHECK(c.state() == circuit_state::closed);
    }
}

TEST_CASE_TEMPLATE("failure: an ignored outcome holds its slot, at every point of a call", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    half_open<W> c(2);
    for (int i = 0; i < 200; ++i) {
        const auto first = c.ask(), second = c.ask();
        REQUIRE(first);
        REQUIRE(second);
        REQUIRE(!c.ask());
        c.ignore(i % 2 == 0 ? *first : *second);
        const auto third = c.ask();
        REQUIRE(third);
        REQUIRE(!c.ask()); // one slot came back, and no more
        c.ignore(i % 2 == 0 ? *second : *first);
        c.ignore(*third);
    }
    CHECK(c.state() == circuit_state::half_open);
    CHECK(c.room() == 2);
}

TEST_CASE_TEMPLATE("failure: a half-open circuit lets a stampede through; exactly k are admitted", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    for (int round = 0; round < 60; ++round) {
        const int probes = 1 + round % 5;
        // Open and due, so that the threads race for the transition too.
        driven<W> c(trips_at<W>(1, probes), 1000s);
        c.circuit.open();
        c.clock.advance(10s);
        std::atomic<int> ready{0}, granted{0};
        std::vector<std::jthread> running;
        for (int t = 0; t < 4; ++t) {
            running.emplace_back([&] {
                ++ready;
                ready.notify_all();
                for (int seen = ready; seen < 4; seen = ready)
                    ready.wait(seen);
                for (int i = 0; i < 8; ++i)
                    granted += c.ask().has_value();
            });
        }
        running.clear();
        REQUIRE(granted == probes);
        REQUIRE(c.state() == circuit_state::half_open);
    }
}

TEST_CASE_TEMPLATE("failure: a slow call that began before the circuit opened closes or trips it again", W,
                   sliding_window, sliding_time_window, consecutive_failures) {
    for (const ending e : {ending::succeeded, ending::failed, ending::ignored}) {
        driven<W> c(trips_at<W>(1, 1), 1000s);
        const auto slow = c.ask();
        c.fail();
        c.clock.advance(10s);
        const auto probe = c.ask();
        REQUIRE(c.state() == circuit_state::half_open);
        c.end(*slow, e);
        CHECK(c.state() == circuit_state::half_open);
        CHECK(c.room() == 0);
        c.succeed(*probe);
        CHECK(c.state() == circuit_state::closed);
    }
}

TEST_CASE("failure: a stale bucket counts at the window's edge, whatever the order of epochs") {
    constexpr int buckets = 3, last = 2 * buckets + 1;
    // Buckets of one nanosecond; also where the 32 bits of epochs wrap, and before the clock's epoch.
    for (const std::int64_t base : {std::int64_t{1'000'000}, (std::int64_t{1} << 32) - 4, std::int64_t{-4}}) {
        CAPTURE(base);
        const auto at = [&](int epoch) { return keel::time_point(std::chrono::nanoseconds(base + epoch)); };
        int order[4];
        for (int code = 0; code < last * last * last * last; ++code) {
            for (int rest = code, i = 0; i < 4; ++i, rest /= last)
                order[i] = rest % last;
            support::recorder<sliding_time_window> r({.window = {.span = 3ns, .buckets = buckets}, .minimum_calls = 1});
            for (int i = 0; i < 4; ++i)
                r.record(i % 2 == 0, at(order[i]));
            for (int now = *std::ranges::max_element(order); now <= last + buckets; ++now) {
                std::uint64_t calls = 0, failed = 0;
                for (int i = 0; i < 4; ++i) {
                    if (now - order[i] >= buckets) continue;
                    ++calls;
                    failed += i % 2 == 0;
                }
                const keel::window_counts held = r.counts.counted(r.config.window, at(now), 0);
                REQUIRE(held.calls == calls);
                REQUIRE(held.failed == failed);
            }
        }
    }
}

TEST_CASE_TEMPLATE("failure: a clock that goes back, stands still or leaps wedges or crashes the circuit", W,
                   sliding_window, sliding_time_window, consecutive_failures) {
    using namespace std::chrono;
    for (unsigned seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        auto configured = trips_at<W>(1, 2);
        if (seed % 2 == 0) configured.slow_call.longer_than = 1s;
        driven<W> c(configured, hours(24 * 365 * 20));
        std::deque<typename driven<W>::permit> out;
        for (int i = 0; i < 3000; ++i) {
            const auto pick = random();
            switch (pick % 16) {
            case 0:
                c.clock.advance(-milliseconds(random() % 20'000));
                break;
            case 1:
            case 2:
                c.clock.advance(milliseconds(random() % 20'000));
                break;
            case 3:
                if (pick % 256 == 3) c.clock.advance(hours(24) * static_cast<int>(random() % 200));
                break;
            case 4:
                if (pick % 256 == 4) c.clock.advance(hours(-24) * static_cast<int>(random() % 200));
                break;
            default:
                break; // it stands still
            }
            if (pick / 16 % 2 == 0) {
                if (const auto p = c.ask()) out.push_back(*p);
            } else if (!out.empty()) {
                c.end(out.front(), static_cast<ending>(pick / 32 % 3));
                out.pop_front();
            }
            const keel::circuit_stats s = c.circuit.stats();
            REQUIRE(s.failure_rate >= 0);
            REQUIRE(s.failure_rate <= 1);
            REQUIRE(s.slow_rate >= 0);
            REQUIRE(s.slow_rate <= 1);
            REQUIRE(s.window.failed <= s.window.calls);
        }
        // Once the clock is past all that it has been, the circuit recovers.
        c.clock.advance(hours(24 * 365 * 100));
        for (int i = 0; i < 20 && c.state() != circuit_state::closed; ++i) {
            c.succeed();
            c.clock.advance(5s);
        }
        CHECK(c.state() == circuit_state::closed);
    }
}

TEST_CASE_TEMPLATE("failure: a lease that begins before the clock's epoch lasts until after it", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    driven<W> c(trips_at<W>(1, 1), -1000s);
    c.circuit.half_open();
    REQUIRE(c.ask());
    c.clock.advance(5s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
}

TEST_CASE_TEMPLATE("failure: a clock that goes back makes the circuit wait longer than by as much", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    driven<W> c(trips_at<W>(1, 1), 1000s);
    c.fail();
    c.clock.advance(-100s);
    CHECK(!c.ask());
    c.clock.advance(110s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    REQUIRE(c.ask());
    c.clock.advance(-100s);
    CHECK(!c.ask());
    c.clock.advance(105s - 1ns);
    CHECK(!c.ask());
    c.clock.advance(1ns);
    CHECK(c.ask());
    // Further back than any period lasts, it can only have been set anew.
    c.circuit.open();
    c.clock.advance(-(24h + 1min));
    CHECK(c.ask());
}

TEST_CASE_TEMPLATE("failure: a cancelled call counts as a success, and closes the circuit", W, sliding_window,
                   sliding_time_window, consecutive_failures) {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<W>(trips_at<W>(1, 2)).template ignoring<cancelled>(), clock};
    p.circuit().half_open();
    for (int i = 0; i < 20; ++i)
        CHECK_THROWS_AS(p([]() -> int { throw cancelled(); }), cancelled);
    CHECK(p.circuit().state() == circuit_state::half_open);
    CHECK(p.circuit().stats().window.calls == 0);
    CHECK(p.circuit().stats().totals.successes == 0);
    CHECK(p.circuit().stats().totals.ignored == 20);
    p(support::good);
    CHECK(p.circuit().state() == (W::by_rate ? circuit_state::closed : circuit_state::half_open));
}

TEST_CASE("failure: a cancelled call ends a row of failures") {
    driven<consecutive_failures> c({.window = {.failures = 2}}, 1000s);
    c.fail();
    c.run(ending::ignored);
    c.fail();
    CHECK(c.state() == circuit_state::open);
}

TEST_CASE("failure: clients that failed together probe in step") {
    constexpr int clients = 4000;
    constexpr std::size_t buckets = 20;
    keel::thread_random().seed(7);
    const auto peak_with = [&](double jitter, double& chi) {
        std::array<int, buckets> starts{};
        auto jittered = trips_at<consecutive_failures>(1, 1);
        jittered.growth.jitter = jitter;
        for (int i = 0; i < clients; ++i) {
            driven<consecutive_failures> c(jittered, 1000s);
            c.fail();
            c.clock.advance(10s);
            c.fail(); // the first probe; all of them fail at once
            const auto wait = c.circuit.try_acquire().retry_after();
            REQUIRE(wait >= 10s);
            REQUIRE(wait <= 15s);
            const auto bucket = static_cast<std::size_t>((wait - 10s) / (5000ms / buckets));
            ++starts[std::min(bucket, buckets - 1)];
        }
        chi = support::chi_squared(starts, clients);
        return *std::ranges::max_element(starts);
    };
    double chi = 0;
    CHECK(peak_with(0, chi) == clients); // or the case would show nothing
    CHECK(peak_with(0.5, chi) < 270);    // 200 on average; 5 standard deviations are 69
    CHECK(chi < 43.8);                   // 19 degrees of freedom: exceeded once in 1000
}

TEST_CASE("failure: a callback that throws keeps a permit; thrown at the k-th callback, for every k") {
    int last = 0, thrown = 0;
    for (int k = 1; last == 0; ++k) {
        CAPTURE(k);
        support::thrower callback{.throws_at = k};
        const auto asked = [&](const auto&) { return callback(), false; };
        keel::pipeline p{
            keel::retry<keel::constant>({.attempts = 3}).failing_if([&](const std::error_code&) {
                return callback(), true;
            }) | keel::breaker<sliding_window>({.failure_rate = 1, .minimum_calls = 20, .half_open_calls = 10})
                     .failing_if([&](const std::error_code&) { return callback(), true; })
                     .ignoring_if([&](const std::error_code& e) { return asked(e); }),
            support::throwing_clock{&callback}};
        p.circuit().half_open();
        int invoked = 0;
        const auto fails = [&]() -> support::result {
            ++invoked;
            callback();
            return support::bad();
        };
        try {
            p(fails);
        } catch (const std::logic_error&) {
            ++thrown;
        }
        const keel::circuit_stats s = p.circuit().stats();
        REQUIRE(s.state == circuit_state::half_open);
        CHECK(s.totals.calls == static_cast<std::uint64_t>(invoked));
        // As many permits as there were, but for the probes that came back.
        std::vector<decltype(p.circuit().try_acquire())> probes;
        while (auto one = p.circuit().try_acquire())
            probes.push_back(std::move(one));
        CHECK(probes.size() + s.window.calls == 10);
        if (callback.calls < k) last = k;
    }
    CHECK(last > 10);  // functions, predicates and sleeps of three attempts
    CHECK(thrown > 3); // what the function throws is a failure like others; what the rest does comes out
}

TEST_CASE("failure: one bad host trips the circuits of the others") {
    keel::manual_clock clock;
    const auto chain = keel::retry<keel::constant>({.attempts = 2}) | keel::breaker<sliding_window>;
    using host = keel::pipeline<std::remove_const_t<decltype(chain)>, keel::manual_clock>;
    std::deque<host> hosts;
    for (int i = 0; i < 10; ++i)
        hosts.emplace_back(chain, clock);
    for (int i = 0; i < 1000; ++i) {
        for (std::size_t n = 0; n < hosts.size(); ++n)
            static_cast<void>(hosts[n](n == 3 ? support::bad : support::good));
        clock.advance(10ms);
    }
    for (std::size_t n = 0; n < hosts.size(); ++n) {
        CAPTURE(n);
        CHECK(hosts[n].circuit().state() == (n == 3 ? circuit_state::open : circuit_state::closed));
        CHECK(hosts[n].circuit().stats().totals.rejected == (n == 3 ? 990 : 0));
    }
}

TEST_CASE("failure: a process forks while probes are out, and the child's circuit waits for them for ever") {
    half_open<consecutive_failures> c(2);
    REQUIRE(c.ask());
    REQUIRE(c.ask());
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const bool waits = !c.ask();
        c.clock.advance(5s);
        const bool recovers = c.succeed() && c.succeed() && c.state() == circuit_state::closed;
        ::_exit(waits && recovers ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(!c.ask()); // the parent's own probes are still out
}
