// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/backoff.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/backoff/decorrelated_jitter.hpp>
#include <keel/backoff/equal_jitter.hpp>
#include <keel/backoff/exp_jitter.hpp>
#include <keel/backoff/exponential.hpp>
#include <keel/backoff/fibonacci.hpp>
#include <keel/backoff/linear.hpp>
#include <keel/random.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <ranges>
#include <set>
#include <vector>

using namespace std::chrono_literals;
using namespace keel::detail;
using keel::nanos;

TEST_CASE("a power is found by squaring and saturates, for any exponent") {
    CHECK(power(2, 0) == 1);
    CHECK(power(2, 10) == 1024);
    CHECK(power(1.5, 7) == std::pow(1.5, 7));
    CHECK(power(1, ~0ull) == 1);
    CHECK(power(2, 66) == std::pow(2.0, 66));
    CHECK(power(2, 67) == beyond_nanos);
    CHECK(power(1e6, ~0ull) == beyond_nanos);
    CHECK(power(1e6, 1ull << 63) == beyond_nanos);
}

TEST_CASE("a capped product is the product below its cap, and the cap from there on") {
    CHECK(capped(nanos(3), 2.5, nanos(8)) == nanos(7));
    CHECK(capped(nanos(4), 2, nanos(8)) == nanos(8));
    CHECK(capped(nanos(5), 2, nanos(8)) == nanos(8));
    CHECK(capped(keel::longest, beyond_nanos, keel::longest) == keel::longest);
    CHECK(capped(nanos(1), beyond_nanos, nanos::max()) == nanos::max());
}

TEST_CASE("a uniform delay has both its ends, and is the lower one where they have crossed") {
    keel::random_source random(1);
    std::set<std::int64_t> seen;
    for (int i = 0; i < 200; ++i)
        seen.insert(uniform(nanos(5), nanos(8), random).count);
    CHECK(seen == std::set<std::int64_t>{5, 6, 7, 8});
    CHECK(uniform(nanos(5), nanos(5), random) == nanos(5));
    CHECK(uniform(nanos(5), nanos(4), random) == nanos(5));
    for (int i = 0; i < 1000; ++i) {
        const nanos d = uniform(nanos(0), nanos::max(), random);
        REQUIRE(d >= nanos(0));
    }
}

TEST_CASE("a sequence of delays counts its attempts and hands on the delay before") {
    struct telltale {
        nanos delay(std::uint64_t n, nanos previous, keel::random_source&) const noexcept {
            return nanos(previous.count * 10 + static_cast<std::int64_t>(n));
        }
        keel::config_error validate() const noexcept { return {}; }
    };
    delay_sequence<telltale> s;
    nanos next;
    for (const std::int64_t expected : {1, 12, 123, 1234}) {
        CHECK(s.advance(telltale{}, next));
        CHECK(next == nanos(expected));
    }
}

TEST_CASE("a backoff is an endless range of its delays") {
    std::int64_t sum = 0;
    for (const auto delay : keel::exponential{.cap = 1h} | std::views::take(4))
        sum += delay / 1ms;
    CHECK(sum == 10 + 20 + 40 + 80);
}

TEST_CASE("a backoff that goes by its history has it as a range too") {
    keel::thread_random().seed(3);
    nanos previous{};
    for (const std::chrono::nanoseconds delay : keel::decorrelated_jitter{} | std::views::take(100)) {
        const nanos before = previous < nanos(10ms) ? nanos(10ms) : previous;
        CHECK(nanos(delay) >= nanos(10ms));
        CHECK(nanos(delay).count <= 3 * before.count);
        previous = delay;
    }
}

TEST_CASE_TEMPLATE("every backoff is a range of its delays", B, keel::constant, keel::decorrelated_jitter,
                   keel::equal_jitter, keel::exp_jitter, keel::exponential, keel::fibonacci, keel::linear) {
    keel::thread_random().seed(3);
    const B b{};
    std::vector<nanos> read;
    for (const auto delay : b) {
        read.push_back(delay);
        if (read.size() == 4) break;
    }
    keel::thread_random().seed(3);
    delay_sequence<B> one_by_one;
    for (const nanos delay : read) {
        nanos next;
        CHECK(one_by_one.advance(b, next));
        CHECK(delay == next);
    }
}
