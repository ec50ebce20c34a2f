// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <ranges>
#include <vector>

using namespace std::chrono_literals;

namespace {
template <class B>
std::vector<std::int64_t> first(const B& b, int n) {
    std::vector<std::int64_t> ms;
    for (auto it = b.begin(); n > 0; --n, ++it)
        ms.push_back(*it / 1ms);
    return ms;
}
template <class B>
constexpr keel::nanos at(const B& b, std::uint64_t n) {
    keel::random_source random(1);
    return b.delay(n, keel::nanos(0), random);
}
static_assert(at(keel::exponential{}, 1) == keel::nanos(10ms));
static_assert(at(keel::exponential{}, 4) == keel::nanos(80ms));
static_assert(at(keel::exponential{}, ~std::uint64_t{0}) == keel::nanos(1s));
static_assert(std::ranges::input_range<const keel::exp_jitter>);
static_assert(!keel::backoff<int>);
} // namespace

TEST_CASE_TEMPLATE("every backoff stays within 0 and its cap, for any attempt up to 2^64 - 1", B, keel::exp_jitter,
                   keel::equal_jitter, keel::decorrelated_jitter, keel::exponential, keel::linear, keel::fibonacci) {
    keel::random_source random(42);
    for (const auto cap : {keel::nanos(10ms), keel::nanos(1s), keel::longest}) {
        B b{};
        b.cap = cap;
        keel::nanos previous{};
        for (const std::uint64_t n : {1ull, 2ull, 3ull, 63ull, 64ull, 65ull, 1000ull, 1ull << 32, 1ull << 53, ~0ull}) {
            for (int i = 0; i < 100; ++i) {
                previous = b.delay(n, previous, random);
                CHECK(previous >= keel::nanos(0));
                CHECK(previous <= cap);
            }
        }
    }
}

TEST_CASE_TEMPLATE("backoffs without jitter are at their cap at attempt 1000", B, keel::exponential, keel::fibonacci) {
    CHECK(at(B{}, 1000) == keel::nanos(1s));
}

TEST_CASE("backoffs without jitter follow their formula") {
    CHECK(first(keel::exponential{}, 8) == std::vector<std::int64_t>{10, 20, 40, 80, 160, 320, 640, 1000});
    CHECK(first(keel::linear{}, 4) == std::vector<std::int64_t>{10, 20, 30, 40});
    CHECK(first(keel::fibonacci{}, 7) == std::vector<std::int64_t>{10, 10, 20, 30, 50, 80, 130});
    CHECK(first(keel::constant{.every = 7ms}, 3) == std::vector<std::int64_t>{7, 7, 7});
}

TEST_CASE("jitter keeps to its bounds and fills them") {
    keel::random_source random(7);
    keel::nanos low = keel::nanos::max(), high = keel::nanos::min(), equal_low = keel::nanos::max();
    for (int i = 0; i < 10'000; ++i) {
        const auto d = keel::exp_jitter{}.delay(3, keel::nanos(0), random);
        low = std::min(low, d);
        high = std::max(high, d);
        equal_low = std::min(equal_low, keel::equal_jitter{}.delay(3, keel::nanos(0), random));
        const auto next = keel::decorrelated_jitter{}.delay(3, keel::nanos(20ms), random);
        CHECK(next >= keel::nanos(10ms));
        CHECK(next <= keel::nanos(60ms));
    }
    CHECK(low < keel::nanos(1ms));
    CHECK(high > keel::nanos(39ms));
    CHECK(high <= keel::nanos(40ms));
    CHECK(equal_low >= keel::nanos(20ms));
}

TEST_CASE("a seeded thread draws the same delays again") {
    keel::thread_random().seed(5);
    const auto once = first(keel::exp_jitter{}, 6);
    const auto other = first(keel::exp_jitter{}, 6);
    keel::thread_random().seed(5);
    CHECK(first(keel::exp_jitter{}, 6) == once);
    CHECK(other != once);
}
