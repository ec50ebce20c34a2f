// SPDX-License-Identifier: BSL-1.0
#include "support/overtaken_atomics.hpp"

#include <keel/sync/atomics.hpp>
#include <keel/window/in_flight.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using keel::nanos;
using keel::time_point;
using keel::detail::in_flight_bucket;
using keel::detail::in_flight_remainder;

namespace {
constexpr nanos limit = 80ns; // in buckets of 10 ns
constexpr time_point at(std::int64_t ns) { return time_point(std::chrono::nanoseconds(ns)); }

/// One without shards of its own, whose every word is written by compare-and-swap, and one that writes plainly.
struct no_slots : keel::std_atomics {
    static std::uint32_t slot() noexcept { return no_slot; }
    static std::uint32_t claim_slot() noexcept { return no_slot; }
};
/// The first thread that comes too late for a shard of its own.
struct first_without : keel::std_atomics {
    static std::uint32_t slot() noexcept { return 1; }
    static std::uint32_t claim_slot() noexcept { return slot(); }
};
/// Threads whose turn it is when the test says so.
struct in_turns : keel::std_atomics {
    static inline std::uint32_t slot_now = 0;
    static std::uint32_t slot() noexcept { return slot_now; }
    static std::uint32_t claim_slot() noexcept { return slot_now; }
};
template <class Base>
using overtaken = support::overtaken_atomics<support::exchanges::weak, Base>;
using own = keel::detail::in_flight_calls<16, keel::std_atomics>;
using shared = keel::detail::in_flight_calls<1, no_slots>;
} // namespace

TEST_CASE_TEMPLATE("of two threads without a shard that begin a call at once, or end one, both are counted", Base,
                   no_slots, first_without) {
    keel::detail::in_flight_calls<1, overtaken<Base>> calls;
    calls.begin(limit, 1, at(5));
    support::meanwhile = [&] { calls.begin(limit, 1, at(5)); };
    calls.begin(limit, 1, at(5));
    CHECK(calls.overdue(limit, 1, at(200)) == 3);
    support::meanwhile = [&] { calls.end(limit, 1, at(5), at(20)); };
    calls.end(limit, 1, at(5), at(20));
    CHECK(calls.overdue(limit, 1, at(200)) == 1);
    calls.begin(limit, 1, at(5)), calls.begin(limit, 1, at(5));
    // Long past: their bucket may be another's by now.
    support::meanwhile = [&] { calls.end(limit, 1, at(5), at(1000)); };
    calls.end(limit, 1, at(5), at(1000));
    CHECK(calls.overdue(limit, 1, at(1000)) == 1);
}

TEST_CASE("a generation is later than another if it is ahead by half of all there are, or 1024, at most") {
    using keel::detail::is_later_generation;
    CHECK(is_later_generation(1024, 0));
    CHECK(!is_later_generation(1025, 0));
    CHECK(!is_later_generation(7, 7));
    CHECK(is_later_generation(1, 0xf'ffff));
    CHECK(!is_later_generation(0xf'ffff, 1));
    CHECK(is_later_generation<3>(3, 0));
    CHECK(!is_later_generation<3>(4, 0));
}

TEST_CASE("a call that began up to 64 buckets later is not overdue, and one further ahead is from long ago") {
    own calls;
    calls.begin(limit, 1, at(1005));
    CHECK(calls.overdue(limit, 1, at(1005 - 640)) == 0);
    CHECK(calls.overdue(limit, 1, at(1005 - 650)) == 1);
}

TEST_CASE("a call that begins makes no other one overdue for a thread that read the clock a bucket earlier") {
    own calls;
    calls.begin(limit, 1, at(5));
    calls.begin(limit, 1, at(95));
    CHECK(calls.overdue(limit, 1, at(85)) == 0);
    CHECK(calls.overdue(limit, 1, at(95)) == 1);
}

TEST_CASE("a bucket of calls in flight counts below zero, and keeps its generation and epoch") {
    const auto b = in_flight_bucket::of(0xfffff, 0xffff, 0).plus(-3);
    CHECK(b.count() == -3);
    CHECK(b.generation() == 0xfffff);
    CHECK(b.age(0xffff) == 0);
    CHECK(b.age(0) == 1);
    CHECK(b.plus(5).count() == 2);
    CHECK(b.lies_ahead(0xfffe, 4));
    CHECK(!b.lies_ahead(0xffff, 4));
    CHECK(b.lies_ahead(0xffff - 4, 4));
    CHECK(!b.lies_ahead(0xffff - 5, 4));
    CHECK(!b.lies_ahead(0x7fff, 64));
    CHECK(in_flight_bucket::of(1, 0x12345, 7).age(0x2345) == 0);
}

TEST_CASE("what is left of buckets is kept for one generation") {
    const auto r = in_flight_remainder<>{}.plus(5, 3).plus(5, -4);
    CHECK(r.count() == -1);
    CHECK(r.generation() == 5);
    CHECK(r.plus(6, 2).count() == 2);
    CHECK(r.plus(6, 2).generation() == 6);
}

TEST_CASE_TEMPLATE("a call is overdue once it has run for longer than the limit, an eighth of it later at most", Calls,
                   own, shared) {
    constexpr std::int64_t wrapped = 10 * (1 << 16);
    for (const std::int64_t began : {0, 3, 9, -1, -10, -77, 1000}) {
        Calls calls;
        calls.begin(limit, 1, at(began));
        for (std::int64_t now = began; now <= began + 80; ++now)
            REQUIRE(calls.overdue(limit, 1, at(now)) == 0);
        for (std::int64_t now = began + 90; now < began + 300; ++now)
            REQUIRE(calls.overdue(limit, 1, at(now)) == 1);
        CHECK(calls.overdue(limit, 1, at(began + wrapped / 2)) == 1);
        CHECK(calls.overdue(limit, 1, at(began + wrapped - 1000)) == 1);
        CHECK(calls.overdue(limit, 1, at(began + wrapped + 1000)) == 1);
        calls.end(limit, 1, at(began), at(began + 300));
        CHECK(calls.overdue(limit, 1, at(began + 300)) == 0);
    }
}

TEST_CASE_TEMPLATE("a limit that is no multiple of eight is not cut short", Calls, own, shared) {
    for (std::int64_t ns = 1; ns < 40; ++ns) {
        Calls calls;
        calls.begin(nanos(ns), 1, at(0));
        CHECK(calls.overdue(nanos(ns), 1, at(ns)) == 0);
        CHECK(calls.overdue(nanos(ns), 1, at(3 * ns + 20)) == 1);
    }
}

TEST_CASE_TEMPLATE("calls of another generation are forgotten, and their ends count for nothing in it", Calls, own,
                   shared) {
    Calls calls;
    calls.begin(limit, 1, at(0));
    calls.begin(limit, 1, at(5));
    calls.begin(limit, 2, at(100));
    CHECK(calls.overdue(limit, 2, at(200)) == 1);
    calls.begin(limit, 2, at(200));
    CHECK(calls.overdue(limit, 2, at(300)) == 2);
    calls.end(limit, 2, at(100), at(300));
    CHECK(calls.overdue(limit, 2, at(300)) == 1);
}

TEST_CASE_TEMPLATE("calls in flight are counted as a list of them says, whenever they begin and end", Calls, own,
                   shared) {
    std::mt19937_64 random(7);
    Calls calls;
    std::multimap<std::int64_t, int> list; // by when they began
    std::int64_t now = -500;
    std::uint64_t generation = 0xffffd;
    for (int i = 0; i < 40'000; ++i) {
        if (random() % 3 == 0) now += static_cast<std::int64_t>(random() % (random() % 50 == 0 ? 400 : 15));
        if (random() % 3000 == 0) {
            generation = (generation + 1) & 0xfffff;
            list.clear();
        }
        if (list.empty() || random() % 2 == 0) {
            list.emplace(now, 0);
            if (auto* const bucket = calls.try_find(limit, generation, at(now)))
                calls.change(*bucket, 1);
            else
                calls.begin(limit, generation, at(now));
        } else {
            const auto which = std::next(list.begin(), static_cast<std::ptrdiff_t>(random() % list.size()));
            if (auto* const bucket = calls.try_find(limit, generation, at(which->first)))
                calls.change(*bucket, -1);
            else
                calls.end(limit, generation, at(which->first), at(now));
            list.erase(which);
        }
        std::uint64_t overdue = 0;
        for (const auto& [began, unused] : list)
            overdue += (now + 1000) / 10 - (began + 1000) / 10 > 8;
        REQUIRE(calls.overdue(limit, generation, at(now)) == overdue);
    }
}

TEST_CASE("a call that ends on another thread than it began on is no longer in flight") {
    own calls;
    calls.begin(limit, 1, at(0));
    calls.begin(limit, 1, at(0));
    std::thread([&] {
        calls.begin(limit, 1, at(3));
        calls.end(limit, 1, at(0), at(3));
        CHECK(calls.overdue(limit, 1, at(100)) == 2);
        // Long after, when the other thread's bucket has started over and this one's has not.
        calls.end(limit, 1, at(0), at(900));
    }).join();
    calls.begin(limit, 1, at(1000));
    CHECK(calls.overdue(limit, 1, at(1000)) == 1);
    calls.end(limit, 1, at(3), at(1000));
    CHECK(calls.overdue(limit, 1, at(1000)) == 0);
}

TEST_CASE("the healthy path finds a bucket from the second call of a thread in it on, in the same generation") {
    own calls;
    CHECK(calls.try_find(limit, 1, at(100)) == nullptr);
    calls.begin(limit, 1, at(100));
    CHECK(calls.try_find(limit, 1, at(100)) != nullptr);
    CHECK(calls.try_find(limit, 1, at(109)) != nullptr);
    CHECK(calls.try_find(limit, 1, at(99)) == nullptr);
    CHECK(calls.try_find(limit, 1, at(110)) == nullptr);
    CHECK(calls.try_find(limit, 2, at(100)) == nullptr);
    shared others;
    others.begin(limit, 1, at(100));
    CHECK(others.try_find(limit, 1, at(100)) == nullptr);
}

TEST_CASE("a call that ends long after it began does not move the thread's bucket back either") {
    own calls;
    calls.begin(limit, 1, at(0));
    const std::int64_t later = 10 * 40'000;
    calls.begin(limit, 1, at(later));
    calls.end(limit, 1, at(0), at(later));
    CHECK(calls.try_find(limit, 1, at(later)) != nullptr);
    CHECK(calls.overdue(limit, 1, at(later)) == 0);
    CHECK(calls.overdue(limit, 1, at(later + 90)) == 1);
}

TEST_CASE("an end that comes before its bucket does not move the thread's bucket back") {
    own calls;
    calls.begin(limit, 1, at(0));
    calls.begin(limit, 1, at(200)); // in the place of 0
    calls.end(limit, 1, at(0), at(200));
    CHECK(calls.try_find(limit, 1, at(200)) != nullptr);
    CHECK(calls.try_find(limit, 1, at(0)) == nullptr);
}

TEST_CASE("a thread without a shard that was stopped since it read the clock makes no young call overdue") {
    shared calls;
    calls.begin(limit, 1, at(1100));
    calls.begin(limit, 1, at(1000)); // ten buckets late, in the place of 1100
    CHECK(calls.overdue(limit, 1, at(1100)) == 1);
    calls.begin(limit, 1, at(1101));
    CHECK(calls.overdue(limit, 1, at(1101)) == 1);
    calls.end(limit, 1, at(1000), at(1101));
    CHECK(calls.overdue(limit, 1, at(1101)) == 0);
    CHECK(calls.overdue(limit, 1, at(1200)) == 2);
}

TEST_CASE("an end where nothing has begun hides no overdue call, wherever the bucket's number stands") {
    for (std::int64_t number = 65'400; number < 65'700; ++number) {
        keel::detail::in_flight_calls<2, in_turns> calls;
        const std::int64_t now = number * 10;
        in_turns::slot_now = 0;
        calls.begin(limit, 0, at(now - 500));
        calls.begin(limit, 0, at(now));
        in_turns::slot_now = 1; // another thread
        calls.end(limit, 0, at(now), at(now));
        REQUIRE(calls.overdue(limit, 0, at(now)) == 1);
    }
}

TEST_CASE("each bucket of each generation is judged once") {
    own calls;
    CHECK(calls.is_to_be_judged(limit, 0, at(0)));
    CHECK(!calls.is_to_be_judged(limit, 0, at(9)));
    CHECK(calls.is_to_be_judged(limit, 0, at(10)));
    CHECK(calls.is_to_be_judged(limit, 1, at(10)));
    CHECK(!calls.is_to_be_judged(limit, 1, at(10)));
}

TEST_CASE("threads without a shard of their own count every call") {
    shared calls;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 5000; ++i) {
                calls.begin(limit, 1, at(i));
                if (i % 5 != 0) calls.end(limit, 1, at(i), at(i));
            }
        });
    for (std::thread& each : threads)
        each.join();
    CHECK(calls.overdue(limit, 1, at(10'000)) == 4000);
}

TEST_CASE_TEMPLATE("calls after a long pause are not overdue, wherever epochs wrap", Calls, own, shared) {
    for (int pause = 0xffff - 100; pause < 0x10000 + 100; ++pause) {
        Calls calls;
        for (int i = 0; i < 10; ++i) {
            calls.begin(limit, 1, at(10 * i));
            calls.end(limit, 1, at(10 * i), at(10 * i));
        }
        const std::int64_t later = 90 + 10 * std::int64_t{pause};
        calls.begin(limit, 1, at(later));
        REQUIRE(calls.overdue(limit, 1, at(later + 80)) == 0);
        REQUIRE(calls.overdue(limit, 1, at(later + 90)) == 1);
    }
}

TEST_CASE_TEMPLATE("a thread that was stopped since an earlier generation undoes nothing of this one", Calls, own,
                   shared) {
    for (const std::uint64_t now : {2u, 0u}) {
        const std::uint64_t earlier = (now - 1) & 0xfffff;
        Calls calls;
        calls.begin(limit, now, at(100));
        calls.end(limit, earlier, at(100), at(100));
        calls.begin(limit, earlier, at(100));
        CHECK(calls.overdue(limit, now, at(200)) == 1);
        calls.begin(limit, now, at(200)); // the first one is in the rest
        calls.end(limit, earlier, at(0), at(200));
        CHECK(calls.overdue(limit, now, at(200)) == 1);
    }
}

TEST_CASE_TEMPLATE("calls are counted in a generation whatever those of half a round before have left", Calls, own,
                   shared) {
    Calls calls;
    calls.begin(limit, 0x80001, at(0));
    calls.begin(limit, 1, at(100));
    CHECK(calls.overdue(limit, 1, at(200)) == 1);
}
