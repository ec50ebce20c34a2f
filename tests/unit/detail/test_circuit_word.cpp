// SPDX-License-Identifier: BSL-1.0
#include <keel/detail/circuit_word.hpp>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using keel::time_point;
using word = keel::detail::circuit_word;

static_assert(word::warming(3).is_closed() && !word::warming(3).is_steady() && word::warming(3).steady().is_steady());
static_assert(word::warming(3).steady().unsteady() == word::warming(3));
static_assert(word::half_open(9, 4).with_grant().is_half_open() && !word::half_open(9, 4).is_closed());
static_assert(word::half_open(9, 4).generation() == 9 && word::half_open(9, 4).retrips() == 4);
static_assert(word::open(time_point(5s), 40).is_open() && word::open(time_point(5s), 40).retrips() == 31);

TEST_CASE("a generation wraps within its bits, however few they are") {
    using small = keel::detail::basic_circuit_word<2>;
    CHECK(small::warming(5).generation() == 1);
    CHECK(small::warming(5).is_closed());
    CHECK(small::half_open(7, 31).generation() == 3);
}

TEST_CASE("probes are counted without touching their neighbours") {
    word w = word::half_open(word::generation_mask, 31);
    for (int i = 0; i < word::most_probes; ++i)
        w = w.with_grant();
    for (int i = 0; i < 20; ++i)
        w = w.with_result(true);
    w = w.with_result(false).without_grant();
    CHECK(w.granted() == 126);
    CHECK(w.recorded() == 21);
    CHECK(w.failed() == 20);
    CHECK(w.retrips() == 31);
    CHECK(w.generation() == word::generation_mask);
    CHECK(w.is_half_open());
}

TEST_CASE("a takeover gives up what is out, keeps what came back, and never makes the same word twice in a row") {
    word w = word::half_open(1, 2).with_grant();
    const word before = w;
    w = w.with_takeover();
    CHECK(w != before);
    CHECK(w.granted() == 1);
    CHECK(w.generation() == 1);
    CHECK(w.retrips() == 2);
    for (int i = 0; i < 15; ++i)
        w = w.with_takeover();
    CHECK(w == before);
    const word many = word::half_open(1, 2).with_grant().with_grant().with_grant().with_result(true).with_takeover();
    CHECK(many.granted() == 2);
    CHECK(many.recorded() == 1);
    CHECK(many.failed() == 1);
    CHECK(many.lease() == 1);
}

TEST_CASE("the end of an open period is exact, also where 58 bits of time wrap") {
    constexpr keel::nanos year = 24h * 365;
    for (const std::int64_t t : {std::int64_t{0}, std::int64_t{1} << 57, (std::int64_t{1} << 58) - 1,
                                 std::int64_t{1} << 58, (std::int64_t{1} << 62) + 5}) {
        const time_point until{std::chrono::nanoseconds(t)};
        for (const unsigned retrips : {0u, 3u, 31u}) {
            const word w = word::open(until, retrips);
            CHECK(!w.is_over(until - 1ns, year));
            CHECK(!w.is_over(until - 24h * 365, year));
            CHECK(w.is_over(until, year));
            CHECK(w.is_over(until + 1ns, year));
            CHECK(w.is_over(until + 24h * 365 * 8, year));
        }
    }
}

TEST_CASE("an open period is over however far the clock has leapt, for it can't have been longer than the longest") {
    const time_point until(1h);
    for (int years = 0; years < 100; ++years)
        CHECK(word::open(until, 0).is_over(until + years * (24h * 365), 1h));
}
