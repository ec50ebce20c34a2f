// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/schedule.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <ranges>
#include <vector>

using namespace std::chrono_literals;

namespace {
template <class Range>
std::vector<std::int64_t> all_of(const keel::schedule<Range>& s) {
    keel::detail::delay_sequence<keel::schedule<Range>> sequence;
    std::vector<std::int64_t> ms;
    for (keel::nanos next; sequence.advance(s, next);)
        ms.push_back(next.count / 1'000'000);
    return ms;
}
using numbers = std::vector<std::int64_t>;
} // namespace

TEST_CASE("a schedule is its durations in order, of whatever unit, and then ends") {
    CHECK(all_of(keel::schedule{10ms, 1s, 2'000'000ns}) == numbers{10, 1000, 2});
    CHECK(all_of(keel::schedule{5ms}) == numbers{5});
}

TEST_CASE("a schedule takes any range of durations, empty ones too") {
    CHECK(all_of(keel::schedule{std::vector{1ms, 2ms}}) == numbers{1, 2});
    CHECK(all_of(keel::schedule{std::list{3ms}}) == numbers{3});
    CHECK(all_of(keel::schedule{std::array{keel::nanos(4ms)}}) == numbers{4});
    CHECK(all_of(keel::schedule{std::vector<std::chrono::seconds>{}}) == numbers{});
    const auto squares = std::views::iota(1, 4) | std::views::transform([](int n) { return n * n * 1ms; });
    CHECK(all_of(keel::schedule{squares}) == numbers{1, 4, 9});
}

TEST_CASE("a schedule's negative delays count as zero") {
    CHECK(all_of(keel::schedule{-5ms, 1ms, -1ns}) == numbers{0, 1, 0});
}

TEST_CASE("a schedule that has ended stays at its end, and begins anew for each call") {
    const keel::schedule s{1ms};
    keel::detail::delay_sequence<keel::schedule<std::array<keel::nanos, 1>>> once, again;
    keel::nanos next;
    CHECK(once.advance(s, next));
    CHECK(!once.advance(s, next));
    CHECK(!once.advance(s, next));
    CHECK(again.advance(s, next));
    CHECK(!s.validate());
}
