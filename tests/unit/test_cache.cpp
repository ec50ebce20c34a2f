// SPDX-License-Identifier: BSL-1.0
#include <keel/cache.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/coalesce.hpp>

#include "support/config_message.hpp"
#include "support/hooked_clock.hpp"
#include "support/results.hpp"
#include "support/seed.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

template <class T>
using by_name = std::unordered_map<std::string, keel::cached<T>>;
using numbers = std::map<int, keel::cached<int>>;

constexpr auto never_called = []() -> int { throw std::logic_error("must not be called"); };

/// Another flight comes between the look into the store and this one.
struct overtaken {
    keel::coalesce<int, int> flights;
    keel::cache<numbers>& c;
    bool is_overtaken = false;

    int operator()(int key, auto& f) {
        if (!std::exchange(is_overtaken, true)) c.coalesced(flights, key, [] { return 10; });
        return flights(key, f);
    }
};

/// Flights that nobody may join.
struct untouched {
    int operator()(int, auto&) { throw std::logic_error("must not be called"); }
};

keel::cache_stats counted(std::uint64_t hits, std::uint64_t misses, std::uint64_t not_stored = 0) {
    return {.hits = hits, .misses = misses, .not_stored = not_stored};
}

} // namespace

TEST_CASE_TEMPLATE("a value that is in the store is returned without a call", Store, numbers,
                   std::unordered_map<int, keel::cached<int>>) {
    Store store;
    keel::cache c{store, {.ttl = 5s}, keel::manual_clock()};
    CHECK(c(1, [] { return 10; }) == 10);
    CHECK(c(1, never_called) == 10);
    CHECK(c(2, [] { return 20; }) == 20);
    CHECK(c(1, never_called) == 10);
    CHECK(c.stats() == counted(2, 2));
    CHECK(store.size() == 2);
}

TEST_CASE("a value is good until its time to live has passed since the function returned it") {
    numbers store;
    keel::manual_clock time;
    keel::cache c{store, {.ttl = 5s}, time};
    c(1, [&] {
        time.advance(2s);
        return 10;
    });
    CHECK(store.at(1).until == keel::time_point(7s));
    time.set(keel::time_point(7s) - 1ns);
    CHECK(c(1, never_called) == 10);
    time.advance(1ns);
    CHECK(c(1, [] { return 11; }) == 11);
    CHECK(c(1, never_called) == 11);
    CHECK(store.at(1).until == keel::time_point(12s));
    time.set(keel::time_point(12s));
    CHECK_THROWS_AS(c(1, never_called), std::logic_error);
    CHECK(store.empty()); // erased when it was asked for
}

TEST_CASE("a hit reads the clock once, and a miss twice") {
    numbers store;
    const support::hooked_clock clock;
    keel::cache c{store, {.ttl = 5s}, clock};
    c(1, [] { return 1; });
    CHECK(clock.state->readings == 2);
    c(1, never_called);
    CHECK(clock.state->readings == 3);
    CHECK(c.clock().state == clock.state);
}

TEST_CASE("failures are not stored") {
    by_name<int> store;
    keel::cache c{store, {.ttl = 5s}};
    CHECK_THROWS_AS(c("a", []() -> int { throw 1; }), int);
    CHECK(c("a", support::bad) == support::bad());
    CHECK(store.empty());
    CHECK(c("a", support::good) == support::good());
    // What is stored is the value, in whatever a function returns it.
    CHECK(c("a", support::bad) == support::good());
    CHECK(c("a", never_called) == 1);
    CHECK(c("a", []() -> std::expected<int, std::string> { throw 1; }).value() == 1);
    CHECK(c.stats() == counted(3, 3));
}

TEST_CASE("an expected can be what is stored, and then only with a value") {
    std::map<int, keel::cached<support::result>> store;
    keel::cache c{store, {.ttl = 5s}};
    CHECK(c(1, support::bad) == support::bad());
    CHECK(store.empty());
    CHECK(c(1, support::good) == support::good());
    CHECK(c(1, support::bad) == support::good());
}

TEST_CASE("what a function returns a reference to is copied") {
    std::map<int, keel::cached<std::string>> store;
    keel::cache c{store, {.ttl = 5s}};
    std::string text = "text";
    const auto get = [&]() -> const std::string& { return text; };
    static_assert(std::is_same_v<decltype(c(1, get)), std::string>);
    CHECK(c(1, get) == "text");
    text = "other";
    CHECK(c(1, get) == "text");
}

TEST_CASE("find() looks and calls nothing") {
    numbers store;
    keel::manual_clock time;
    keel::cache c{store, {.ttl = 5s}, time};
    CHECK(!c.find(1));
    c(1, [] { return 10; });
    CHECK(c.find(1) == 10);
    time.advance(5s);
    CHECK(!c.find(1));
    CHECK(store.empty());
    CHECK(c.stats() == counted(1, 3));
}

TEST_CASE("a value that was erased while it was fetched is returned and not stored") {
    struct none_alike { // no equality but the map's
        int number;
        bool operator==(const none_alike&) const { return false; }
    };
    struct less {
        bool operator()(const none_alike& a, const none_alike& b) const { return a.number < b.number; }
    };
    std::map<none_alike, keel::cached<int>, less> store;
    keel::cache c{store, {.ttl = 5s}};
    CHECK(c({1}, [&] {
              c.erase({1});
              return 10;
          }) == 10);
    CHECK(store.empty());
    CHECK(c.stats() == counted(0, 1, 1));
    CHECK(c.stats() != counted(0, 1));
    CHECK(c.stats() != counted(0, 2, 1));
    CHECK(c.stats() != counted(1, 1, 1));
    // One of another key is.
    CHECK(c({1}, [&] {
              c.erase({2});
              c.erase({0});
              return 11;
          }) == 11);
    CHECK(c({1}, never_called) == 11);
    c.erase({1});
    CHECK(store.empty());
    c.erase({1});
    CHECK(c.stats() == counted(1, 2, 1));

    struct alike {
        bool operator()(int, int) const { return true; }
    };
    std::unordered_map<int, keel::cached<int>, std::hash<int>, alike> odd;
    keel::cache d{odd, {.ttl = 5s}};
    d(1, [&] {
        d.erase(2);
        return 10;
    });
    CHECK(odd.empty());
}

TEST_CASE("what is read after an erasure is stored, though an older call is still under way") {
    numbers store;
    keel::cache c{store, {.ttl = 5s}};
    CHECK(c(1, [&] {
              c.erase(1);
              CHECK(c(1, [] { return 11; }) == 11);
              return 10;
          }) == 10);
    CHECK(c(1, never_called) == 11);
}

TEST_CASE("erase_expired() erases what is out of date and nothing else") {
    numbers store;
    keel::manual_clock time;
    keel::cache c{store, {.ttl = 5s}, time};
    for (int i = 0; i < 10; ++i) {
        c(i, [&] { return i; });
        time.advance(1s);
    }
    CHECK(c.erase_expired() == 6);
    CHECK(store.size() == 4);
    CHECK(store.contains(6));
    CHECK(c.erase_expired() == 0);
}

TEST_CASE("a store that throws loses the entry and not the result") {
    struct full : numbers {
        void insert_or_assign(int, keel::cached<int>) { throw std::bad_alloc(); }
    };
    full store;
    keel::cache c{store, {.ttl = 5s}};
    CHECK(c(1, [] { return 10; }) == 10);
    CHECK(c(1, [] { return 11; }) == 11);
    CHECK(c.stats() == counted(0, 2, 2));

    // A value whose copy throws is such a one too.
    struct only_moved_gladly {
        only_moved_gladly() = default;
        only_moved_gladly(only_moved_gladly&&) = default;
        only_moved_gladly(const only_moved_gladly&) { throw 1; }
        only_moved_gladly& operator=(only_moved_gladly&&) = default;
    };
    std::map<int, keel::cached<only_moved_gladly>> values;
    keel::cache d{values, {.ttl = 5s}};
    d(1, [] { return only_moved_gladly(); });
    CHECK(values.empty());
    CHECK(d.stats() == counted(0, 1, 1));
}

TEST_CASE("a look-up that throws reaches the caller, and leaves nothing behind") {
    struct picky : numbers {
        bool throws = true;
        auto find(int key) {
            if (throws) throw 1;
            return numbers::find(key);
        }
    };
    picky store;
    keel::cache c{store, {.ttl = 5s}};
    CHECK_THROWS_AS(c(1, never_called), int);
    store.throws = false;
    CHECK(c(1, [] { return 1; }) == 1);
}

TEST_CASE("a store can be anything of a map's shape") {
    // One place for each of four remainders.
    struct small {
        using key_type = int;
        using mapped_type = keel::cached<int>;
        using iterator = std::pair<const int, mapped_type>*;
        std::optional<std::pair<const int, mapped_type>> places[4];
        auto& place(int key) { return places[key % 4]; }
        iterator find(int key) { return place(key) && place(key)->first == key ? &*place(key) : nullptr; }
        iterator end() { return nullptr; }
        void insert_or_assign(int key, mapped_type entry) { place(key).emplace(key, entry); }
        void erase(int key) { place(key).reset(); }
    };
    small store;
    keel::cache c{store, {.ttl = 5s}};
    CHECK(c(1, [] { return 1; }) == 1);
    CHECK(c(1, never_called) == 1);
    CHECK(c(5, [&] {
              c.erase(1);
              return 5;
          }) == 5);
    CHECK(c(5, never_called) == 5);
    CHECK(!c.find(1));
}

TEST_CASE("the lock is the user's, and not held while the function runs") {
    struct counting_mutex {
        int held = 0;
        static int& all() {
            static int n = 0;
            return n;
        }
        void lock() {
            REQUIRE(held++ == 0);
            ++all();
        }
        void unlock() { --held; }
    };
    numbers store;
    keel::cache<numbers, keel::steady_clock, counting_mutex> c(store, {.ttl = 5s});
    CHECK(c(1, [&] { return 1 + c(2, [] { return 2; }); }) == 3);
    counting_mutex::all() = 0;
    CHECK(c(1, never_called) == 3);
    CHECK(counting_mutex::all() == 1);
    counting_mutex::all() = 0;
    c(3, [] { return 3; });
    CHECK(counting_mutex::all() == 3);
}

TEST_CASE("a time to live that is out of range is refused") {
    numbers store;
    const auto said_of = [&](keel::nanos ttl) {
        return support::config_message([&] { keel::cache c{store, {.ttl = ttl}}; });
    };
    CHECK(said_of(keel::nanos(0)) == "keel: cache.ttl = 0: must be above 0 and at most 100 years");
    CHECK(said_of(keel::nanos(-1)).starts_with("keel: cache.ttl = -1:"));
    CHECK(said_of(keel::nanos(keel::longest.count + 1)) != "accepted");
    CHECK(said_of(keel::longest) == "accepted");
    keel::manual_clock time;
    keel::cache c{store, {.ttl = keel::longest}, time};
    c(1, [] { return 1; });
    time.advance(keel::nanos(keel::longest.count - 1));
    CHECK(c(1, never_called) == 1);
}

TEST_CASE("calls that miss at the same time share one execution through a coalesce") {
    by_name<std::string> store;
    keel::manual_clock time;
    keel::cache c{store, {.ttl = 5s}, time};
    keel::coalesce<std::string, std::string> flights;
    std::atomic<int> runs{0};
    const auto fetch = [&] {
        ++runs;
        while (flights.waiting() != 7)
            std::this_thread::yield();
        return std::string("value");
    };
    std::vector<std::future<std::string>> calls;
    for (int i = 0; i < 8; ++i)
        calls.push_back(std::async(std::launch::async, [&] { return c.coalesced(flights, "key", fetch); }));
    for (auto& call : calls)
        CHECK(call.get() == "value");
    CHECK(runs == 1);
    CHECK(c.stats() == counted(0, 8));
    CHECK(c.coalesced(flights, "key", fetch) == "value");
    CHECK(runs == 1);
    CHECK(c.stats() == counted(1, 8));
}

TEST_CASE("who missed before another's flight has landed, and comes after it, finds what that has stored") {
    numbers store;
    keel::cache c{store, {.ttl = 5s}};
    overtaken flights{.flights = keel::coalesce<int, int>(), .c = c};
    CHECK(c.coalesced(flights, 1, never_called) == 10);
    CHECK(c.stats() == counted(0, 2));
    untouched none;
    CHECK(c.coalesced(none, 1, never_called) == 10); // a hit needs no flight
}

TEST_CASE("a coalesced call has the type of the flight's result, and its context") {
    using raw = std::expected<int, std::string>;
    numbers store;
    keel::manual_clock time;
    keel::cache c{store, {.ttl = 5s}, time};
    keel::coalesce<int, raw, keel::manual_clock> flights(time);
    const keel::context outer(keel::time_point(1s));
    const auto fetch = [](const keel::context& inner) -> raw {
        CHECK(inner.deadline() == keel::time_point(1s));
        return 3;
    };
    using told = decltype(c.coalesced(flights, outer, 1, fetch));
    static_assert(std::is_same_v<told, decltype(flights(outer, 1, fetch))>);
    CHECK(c.coalesced(flights, outer, 1, fetch).value() == 3);
    time.set(keel::time_point(1s));
    CHECK(c.coalesced(flights, outer, 1, fetch).value() == 3); // is there, though there is no time left
    CHECK(c.coalesced(flights, outer, 2, fetch).error().reason() == keel::errc::timed_out);
    CHECK(!store.contains(2));
    const auto failed = c.coalesced(flights, 4, []() -> raw { return std::unexpected("no"); });
    CHECK(*failed.error().error() == "no");
    CHECK(!store.contains(4));
}

TEST_CASE("erasing and forgetting keeps what was read before from all later calls") {
    numbers store;
    keel::cache c{store, {.ttl = 5s}};
    keel::coalesce<int, int> flights;
    int source = 1;
    CHECK(c.coalesced(flights, 1, [&] {
        const int read = source;
        source = 2;
        flights.forget(1);
        c.erase(1);
        CHECK(std::async(std::launch::async, [&] { return c.coalesced(flights, 1, [&] { return source; }); }).get() ==
              2);
        return read;
    }) == 1);
    CHECK(c(1, never_called) == 2);
}

TEST_CASE("a cache does what a map of values and times does") {
    const std::uint64_t seed = support::first_seed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    struct naive_entry {
        int value;
        std::int64_t since;
    };
    std::map<int, naive_entry> naive;
    std::unordered_map<int, keel::cached<int>> store;
    keel::manual_clock time;
    keel::cache c{store, {.ttl = keel::nanos(50)}, time};
    std::int64_t now = 0;
    std::uint64_t hits = 0, misses = 0, lost = 0;
    for (int i = 0; i < 300'000; ++i) {
        const int key = static_cast<int>(random() % 8);
        std::erase_if(naive, [&](const auto& e) { return now - e.second.since >= 50; });
        switch (random() % 8) {
        case 0:
            naive.erase(key);
            c.erase(key);
            break;
        case 1: {
            const auto d = static_cast<std::int64_t>(random() % 40);
            now += d;
            time.advance(keel::nanos(d));
            break;
        }
        case 2:
            static_cast<void>(c.erase_expired());
            REQUIRE(store.size() == naive.size());
            break;
        default: {
            const bool fails = random() % 4 == 0, erases = random() % 8 == 0;
            const bool is_there = naive.contains(key);
            const int expected = is_there ? naive[key].value : i;
            (is_there ? hits : misses) += 1;
            const support::result r = c(key, [&]() -> support::result {
                REQUIRE(!is_there);
                if (erases) c.erase(key);
                return fails ? support::bad() : support::result(i);
            });
            REQUIRE(r == (!is_there && fails ? support::bad() : support::result(expected)));
            if (!is_there && !fails) {
                if (erases)
                    ++lost;
                else
                    naive[key] = {i, now};
            }
        }
        }
    }
    CHECK(c.stats() == counted(hits, misses, lost));
    CHECK(hits > 10'000);
    CHECK(lost > 1'000);
}

namespace {
static_assert(keel::cache_store<numbers> && keel::cache_store<by_name<int>>);
static_assert(!keel::cache_store<std::map<int, int>> && !keel::cache_store<const numbers> && !keel::cache_store<int>);
static_assert(!std::is_constructible_v<keel::cache<numbers>, numbers, keel::cache_config>);
static_assert(std::is_constructible_v<keel::cache<numbers>, numbers&, keel::cache_config>);
static_assert(!std::is_constructible_v<keel::cache<numbers>, numbers&>); // without a time to live
static_assert(!std::is_copy_constructible_v<keel::cache<numbers>>);
} // namespace
