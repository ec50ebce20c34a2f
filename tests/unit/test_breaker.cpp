// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <stdexcept>

using namespace std::chrono_literals;
using keel::circuit_state;

namespace {
using result = std::expected<int, std::error_code>;
result good() { return 1; }
result bad() { return std::unexpected(std::make_error_code(std::errc::io_error)); }
const auto refused = keel::make_error_code(keel::errc::circuit_open);

constexpr auto quick = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1},
                                                                  .open_for = 10s,
                                                                  .half_open_calls = 2,
                                                                  .half_open_max_wait = 5s,
                                                                  .growth = {.jitter = 0}});
} // namespace

TEST_CASE("a count window trips at its rate once it holds the minimum, and a success can trip it") {
    keel::manual_clock clock;
    keel::pipeline p{
        keel::breaker<keel::sliding_window>({.window = {.calls = 20}, .failure_rate = 0.5, .minimum_calls = 10}),
        clock};
    for (int i = 0; i < 9; ++i)
        p(bad);
    CHECK(p.circuit().state() == circuit_state::closed);
    p(good);
    CHECK(p.circuit().state() == circuit_state::open);
}

TEST_CASE("a count window forgets what is older than its last calls") {
    keel::manual_clock clock;
    keel::pipeline p{
        keel::breaker<keel::sliding_window>({.window = {.calls = 4}, .failure_rate = 0.5, .minimum_calls = 4}), clock};
    p(bad);
    for (int i = 0; i < 4; ++i)
        p(good);
    p(bad);
    for (int i = 0; i < 3; ++i)
        p(good);
    p(bad);
    CHECK(p.circuit().state() == circuit_state::closed);
    for (int i = 0; i < 3; ++i)
        p(good);
    p(bad);
    CHECK(p.circuit().state() == circuit_state::closed);
    p(bad);
    CHECK(p.circuit().state() == circuit_state::open);
}

TEST_CASE("a count window decides as the last n results written down would, over random runs") {
    std::mt19937 random(11);
    for (int round = 0; round < 300; ++round) {
        const int calls = 1 + static_cast<int>(random() % 60);
        const int minimum = 1 + static_cast<int>(random() % 70);
        const double rate = static_cast<double>(1 + random() % 100) / 100;
        const auto bias = random() % 100;
        keel::manual_clock clock;
        keel::pipeline p{keel::breaker<keel::sliding_window>({.window = {.calls = calls},
                                                              .failure_rate = rate,
                                                              .minimum_calls = minimum,
                                                              .open_for = 1s,
                                                              .half_open_calls = 1}),
                         clock};
        std::deque<bool> last;
        for (int i = 0; i < 400; ++i) {
            const bool failed = random() % 100 < bias;
            p(failed ? bad : good);
            last.push_back(failed);
            if (static_cast<int>(last.size()) > calls) last.pop_front();
            const auto failures = static_cast<double>(std::count(last.begin(), last.end(), true));
            const auto size = static_cast<double>(last.size());
            const bool trips = static_cast<int>(last.size()) >= std::min(minimum, calls) && failures / size >= rate;
            REQUIRE_MESSAGE((p.circuit().state() == circuit_state::open) == trips, "round " << round << ", call " << i);
            if (!trips) continue;
            clock.advance(2s);
            p(good);
            REQUIRE(p.circuit().state() == circuit_state::closed);
            last.clear();
        }
    }
}

TEST_CASE("a time window decides as the results of its buckets written down would, over random runs") {
    std::mt19937 random(12);
    for (int round = 0; round < 300; ++round) {
        const int buckets = 1 + static_cast<int>(random() % 16);
        const int minimum = 1 + static_cast<int>(random() % 30);
        const double rate = static_cast<double>(1 + random() % 100) / 100;
        const auto bias = random() % 100;
        keel::manual_clock clock;
        clock.advance(1000s);
        keel::pipeline p{keel::breaker<keel::sliding_time_window>(
                             {.window = {.span = std::chrono::seconds(buckets), .buckets = buckets},
                              .failure_rate = rate,
                              .minimum_calls = minimum,
                              .open_for = 1s,
                              .half_open_calls = 1}),
                         clock};
        struct seen {
            std::int64_t second;
            bool failed;
        };
        std::deque<seen> last;
        for (int i = 0; i < 400; ++i) {
            clock.advance(std::chrono::milliseconds(random() % 3 == 0 ? random() % 4000 : 0));
            const std::int64_t second = clock.now().time_since_epoch() / 1s;
            const bool failed = random() % 100 < bias;
            p(failed ? bad : good);
            last.push_back({second, failed});
            while (last.front().second <= second - buckets)
                last.pop_front();
            const auto failures =
                static_cast<double>(std::count_if(last.begin(), last.end(), [](const seen& s) { return s.failed; }));
            const bool trips =
                static_cast<int>(last.size()) >= minimum && failures / static_cast<double>(last.size()) >= rate;
            REQUIRE_MESSAGE((p.circuit().state() == circuit_state::open) == trips, "round " << round << ", call " << i);
            if (!trips) continue;
            clock.advance(1s);
            p(good);
            REQUIRE(p.circuit().state() == circuit_state::closed);
            last.clear();
        }
    }
}

TEST_CASE("failures in a row trip, and a success in between starts the row over") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 3}}), clock};
    p(bad), p(bad), p(good), p(bad), p(bad);
    CHECK(p.circuit().state() == circuit_state::closed);
    p(bad);
    CHECK(p.circuit().state() == circuit_state::open);
}

TEST_CASE("an open circuit refuses until its period has passed, exactly, and calls nothing") {
    keel::manual_clock clock;
    keel::pipeline p{quick, clock};
    p(bad);
    int calls = 0;
    const auto count = [&]() -> result {
        ++calls;
        return 1;
    };
    clock.advance(10s - 1ns);
    CHECK(p(count).error() == refused);
    CHECK(calls == 0);
    clock.advance(1ns);
    CHECK(p(count).has_value());
    CHECK(p.circuit().state() == circuit_state::half_open);
    CHECK(p(count).has_value());
    CHECK(p.circuit().state() == circuit_state::closed);
}

TEST_CASE("half-open lets as many probes out as it may, and one failed probe of consecutive_failures reopens it") {
    keel::manual_clock clock;
    keel::pipeline p{quick, clock};
    p(bad);
    clock.advance(10s);
    p([&]() -> result {
        p([&]() -> result {
            CHECK(p(good).error() == refused);
            return 1;
        });
        return bad();
    });
    CHECK(p.circuit().state() == circuit_state::open);
    clock.advance(10s - 1ns);
    CHECK(p(good).error() == refused);
}

TEST_CASE("half-open of a rate window decides at its minimum by the same threshold") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<keel::sliding_window>({.window = {.calls = 4},
                                                          .failure_rate = 0.5,
                                                          .minimum_calls = 4,
                                                          .open_for = 1s,
                                                          .half_open_calls = 3,
                                                          .growth = {.jitter = 0}}),
                     clock};
    for (int i = 0; i < 4; ++i)
        p(bad);
    clock.advance(1s);
    p(good), p(good);
    CHECK(p.circuit().state() == circuit_state::half_open);
    p(bad);
    CHECK(p.circuit().state() == circuit_state::closed);
}

TEST_CASE("a result of an earlier generation is dropped") {
    keel::manual_clock clock;
    keel::pipeline p{quick, clock};
    SUBCASE("a late failure does not trip a circuit that has recovered") {
        p([&]() -> result {
            p(bad);
            clock.advance(10s);
            p(good), p(good);
            CHECK(p.circuit().state() == circuit_state::closed);
            return bad();
        });
        CHECK(p.circuit().state() == circuit_state::closed);
    }
    SUBCASE("a late success does not close a half-open circuit") {
        p([&]() -> result {
            p(bad);
            clock.advance(10s);
            p(good);
            CHECK(p.circuit().state() == circuit_state::half_open);
            return good();
        });
        CHECK(p.circuit().state() == circuit_state::half_open);
    }
    SUBCASE("a late failure does not reopen a half-open circuit") {
        p([&]() -> result {
            p(bad);
            clock.advance(10s);
            p(good);
            return bad();
        });
        CHECK(p.circuit().state() == circuit_state::half_open);
    }
}

TEST_CASE("an ignored probe gives its permit back and leaves half-open as it was") {
    keel::manual_clock clock;
    keel::pipeline p{quick.ignoring<std::logic_error>(), clock};
    p(bad);
    clock.advance(10s);
    for (int i = 0; i < 10; ++i)
        CHECK_THROWS_AS(p([]() -> result { throw std::logic_error("cancelled"); }), std::logic_error);
    CHECK(p.circuit().state() == circuit_state::half_open);
    p(good), p(good);
    CHECK(p.circuit().state() == circuit_state::closed);
}

TEST_CASE("probes that do not come back are taken over after their lease, in the same generation") {
    keel::manual_clock clock;
    keel::pipeline p{quick, clock};
    p(bad);
    clock.advance(10s);
    p([&]() -> result {
        p([&]() -> result {
            clock.advance(5s - 1ns);
            CHECK(p(good).error() == refused);
            clock.advance(1ns);
            CHECK(p(good).has_value());
            CHECK(p.circuit().state() == circuit_state::half_open);
            return 1;
        });
        CHECK(p.circuit().state() == circuit_state::closed);
        return bad();
    });
    CHECK(p.circuit().state() == circuit_state::closed);
}

TEST_CASE("the open period grows with each re-trip up to its cap, and jitter only makes it longer") {
    keel::manual_clock clock;
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1},
                                                                .open_for = 1s,
                                                                .half_open_calls = 1,
                                                                .growth = {.factor = 2, .cap = 5s, .jitter = 0}}),
                     clock};
    p(bad);
    for (const auto period : {1s, 2s, 4s, 5s, 5s}) {
        clock.advance(period - 1ns);
        CHECK(p(bad).error() == refused);
        clock.advance(1ns);
        CHECK(p(bad).error() != refused);
    }
    keel::pipeline q{keel::breaker<keel::consecutive_failures>(
                         {.window = {.failures = 1}, .open_for = 1s, .half_open_calls = 1, .growth = {.jitter = 0.5}}),
                     clock};
    q(bad);
    for (int i = 0; i < 100; ++i) {
        clock.advance(i == 0 ? 1s : 1500ms);
        CHECK(q(bad).error() != refused);
        clock.advance(1s - 1ns);
        CHECK(q(bad).error() == refused);
        clock.advance(-(1s - 1ns));
    }
}

TEST_CASE("a rejection further in is ignored, and a timeout further in is a failure") {
    keel::manual_clock clock;
    keel::pipeline p{quick | keel::timeout(1s), clock};
    CHECK(p([&]() -> result {
              clock.advance(2s);
              return 1;
          }).error() == std::errc::timed_out);
    CHECK(p.circuit().state() == circuit_state::open);
    keel::pipeline two{keel::breaker<keel::consecutive_failures>({.window = {.failures = 2}}) | quick, clock};
    two(bad);
    for (int i = 0; i < 5; ++i)
        CHECK(two(good).error() == refused);
    CHECK(two.circuit<0>().state() == circuit_state::closed);
    CHECK(two.circuit<1>().state() == circuit_state::open);
}

TEST_CASE("values and errors that a breaker is told of count, others do not") {
    keel::manual_clock clock;
    keel::pipeline p{quick.failing_if([](int status) { return status >= 500; }), clock};
    CHECK(p([] { return 404; }) == 404);
    CHECK(p.circuit().state() == circuit_state::closed);
    CHECK(p([] { return 503; }) == 503);
    CHECK(p.circuit().state() == circuit_state::open);
}
