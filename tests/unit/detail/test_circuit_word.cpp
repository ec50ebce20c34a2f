// SPDX-License-Identifier: BSL-1.0
#include <keel/detail/circuit_word.hpp>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using keel::time_point;
using word = keel::detail::circuit_word;

static_assert(word::warming(3).is_closed() && !word::warming(3).is_steady() && word::warming(3).steady().is_steady());
static_assert(word{}.bits == 0);
static_assert(word::warming(word::generation_mask).steady().is_steady());
static_assert(word::warming(3).steady().unsteady() == word::warming(3));
static_assert(word::half_open(9, 4).with_grant().is_half_open() && !word::half_open(9, 4).is_closed());
static_assert(word::half_open(9, 4).generation() == 9 && word::half_open(9, 4).retrips() == 4);
static_assert(word::open(time_point(5s), 40).is_open() && word::open(time_point(5s), 40).retrips() == 31);
static_assert(word::open(time_point(5s), 3).retrips() == 3);

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
        w = w.with_result(true, i < 5);
    w = w.with_result(false, true).with_result(false, false).without_grant();
    CHECK(w.granted() == 62);
    CHECK(w.recorded() == 22);
    CHECK(w.failed() == 20);
    CHECK(w.slow() == 6);
    CHECK(w.slow_failed() == 5);
    CHECK(w.lease() == 0);
    CHECK(w.retrips() == 31);
    CHECK(w.generation() == word::generation_mask);
    CHECK(w.is_half_open());
}

TEST_CASE("as many probes as there may be, all slow failures, leave the other fields alone") {
    word w = word::half_open(5, 0);
    for (int i = 0; i < word::most_probes; ++i)
        w = w.with_grant().with_result(true, true);
    CHECK(w.granted() == word::most_probes);
    CHECK(w.recorded() == word::most_probes);
    CHECK(w.failed() == word::most_probes);
    CHECK(w.slow() == word::most_probes);
    CHECK(w.slow_failed() == word::most_probes);
    CHECK(w.lease() == 0);
    CHECK(w.retrips() == 0);
    CHECK(w.generation() == 5);
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
    const word many =
        word::half_open(1, 2).with_grant().with_grant().with_grant().with_result(true, false).with_takeover();
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
            CHECK(w.until_probe(until - 1ns, year) == keel::nanos(1));
            CHECK(w.until_probe(until - 24h * 365, year) == year);
            CHECK(w.until_probe(until, year) == keel::nanos(0));
            CHECK(w.until_probe(until + 1ns, year) == keel::nanos(0));
            CHECK(w.until_probe(until + 24h * 365 * 4, year) == keel::nanos(0));
            CHECK(w.until_probe(until + 24h * 365 * 8, year) == keel::nanos(0));
        }
    }
}

TEST_CASE("an open period is over however far the clock has leapt, for it can't have been longer than the longest") {
    const time_point until(1h);
    for (int years = 0; years < 100; ++years)
        CHECK(word::open(until, 0).until_probe(until + years * (24h * 365), 1h) == keel::nanos(0));
}

TEST_CASE("a permit that went back and is granted anew makes another word") {
    const word out = word::half_open(1, 0).with_grant();
    CHECK(out.without_grant().with_grant() != out);
    CHECK(out.without_grant().with_grant().granted() == 1);
    CHECK(out.without_grant().is_half_open());
}

TEST_CASE("every state is told from every other, whatever its generation") {
    using keel::circuit_state;
    for (const std::uint64_t g : {std::uint64_t{0}, word::generation_mask}) {
        CHECK(word::warming(g).state() == circuit_state::closed);
        CHECK(word::warming(g).steady().state() == circuit_state::closed);
        CHECK(word::open(time_point(1s), 3).state() == circuit_state::open);
        CHECK(word::half_open(g, 31).state() == circuit_state::half_open);
        CHECK(word::forced_open(g).state() == circuit_state::forced_open);
        CHECK(word::disabled(g).state() == circuit_state::disabled);
        CHECK(word::metrics_only(g).state() == circuit_state::metrics_only);
        for (const word w : {word::forced_open(g), word::disabled(g), word::metrics_only(g)}) {
            CHECK(w.generation() == g);
            CHECK(!w.is_closed());
            CHECK(!w.is_open());
            CHECK(!w.is_steady());
            CHECK(!w.is_half_open());
        }
    }
}
