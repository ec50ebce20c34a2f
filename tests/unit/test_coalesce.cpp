// SPDX-License-Identifier: BSL-1.0
#include <keel/clock/manual_clock.hpp>
#include <keel/coalesce.hpp>
#include <keel/keel.hpp>

#include "support/results.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using keel::errc;

namespace {

/// A manual clock whose sleeps let others run: who waits looks, and the time goes on by that.
struct looked_at_clock {
    keel::manual_clock time;

    keel::time_point now() const noexcept { return time.now(); }
    void sleep_until(keel::time_point t) const {
        std::this_thread::yield();
        time.sleep_until(t);
    }
};

/// Those who wait for the first are woken, those who wait by the second look. Only the latter's time is the test's.
#define CLOCKS keel::steady_clock, looked_at_clock

template <class Key, class T, class Clock = looked_at_clock>
using flights_of = keel::coalesce<Key, T, Clock>;

/// Whether whoever asks is to stop: what a context can refer to.
struct switch_to_stop {
    std::atomic<bool> on{false};
    bool stop_requested() const noexcept { return on; }
};

template <class Flights>
void until_so_many_wait(const Flights& flights, std::size_t n) {
    while (flights.waiting() != n)
        std::this_thread::yield();
}
void until(const std::atomic<bool>& happened) {
    while (!happened)
        std::this_thread::yield();
}

template <class F>
auto on_another_thread(F f) {
    return std::async(std::launch::async, std::move(f));
}

/// Calls for `key` on another thread, and says that it waits before it returns.
template <class Flights, class Key, class F>
auto one_who_follows(Flights& flights, const Key& key, F f) {
    const std::size_t before = flights.waiting();
    auto called = on_another_thread([&flights, key, f] { return flights(key, f); });
    until_so_many_wait(flights, before + 1);
    return called;
}
template <class Flights, class Key, class F>
auto one_who_follows(Flights& flights, const keel::context& context, const Key& key, F f) {
    const std::size_t before = flights.waiting();
    auto called = on_another_thread([&flights, &context, key, f] { return flights(context, key, f); });
    until_so_many_wait(flights, before + 1);
    return called;
}

/// A flight of key 1 that another thread leads for as long as this lives.
template <class Flights>
class led_by_another_thread {
  public:
    explicit led_by_another_thread(Flights& flights)
      : led_(on_another_thread([&] {
          return flights(1, [&] {
              until(ended_);
              return 1;
          });
      })) {
        while (flights.in_flight() == 0)
            std::this_thread::yield();
    }
    ~led_by_another_thread() { ended_ = true; } // and then waits for the other thread

  private:
    std::atomic<bool> ended_{false};
    std::future<int> led_;
};

constexpr auto never_called = []() -> int { throw std::logic_error("must not be called"); };

const keel::time_point far(1h);

} // namespace

TEST_CASE_TEMPLATE("a call alone returns what its function returns, and nothing of it is kept", Clock, CLOCKS) {
    flights_of<int, int, Clock> flights;
    int runs = 0;
    CHECK(flights(7, [&] { return ++runs; }) == 1);
    CHECK(flights(7, [&] { return ++runs; }) == 2);
    CHECK(flights.in_flight() == 0);
    CHECK(flights.waiting() == 0);
}

TEST_CASE_TEMPLATE("calls with a key that is under way share one execution", Clock, CLOCKS) {
    flights_of<std::string, std::string, Clock> flights;
    std::vector<std::future<std::string>> others;
    const std::string led = flights("key", [&] {
        CHECK(flights.in_flight() == 1);
        for (int i = 0; i < 7; ++i)
            others.push_back(one_who_follows(flights, std::string("key"), []() -> std::string { throw 1; }));
        return std::string("result");
    });
    CHECK(led == "result");
    for (auto& other : others)
        CHECK(other.get() == "result");
    CHECK(flights.in_flight() == 0);
    CHECK(flights.waiting() == 0);
}

TEST_CASE("other keys are other flights, whatever their hashes") {
    struct all_alike {
        std::size_t operator()(int) const noexcept { return 1; }
    };
    keel::coalesce<int, int, keel::steady_clock, all_alike> flights;
    const int sum = flights(1, [&] {
        return 1 + flights(2, [&] {
                   CHECK(flights.in_flight() == 2);
                   return 2 + flights(3, [] { return 3; });
               });
    });
    CHECK(sum == 6);
    CHECK(flights.in_flight() == 0);
}

TEST_CASE("hash and equality are the user's") {
    struct lower_case {
        std::string of(std::string_view s) const {
            std::string lower(s);
            for (char& c : lower)
                c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            return lower;
        }
        std::size_t operator()(std::string_view s) const { return std::hash<std::string>{}(of(s)); }
        bool operator()(std::string_view a, std::string_view b) const { return of(a) == of(b); }
    };
    keel::coalesce<std::string_view, int, keel::steady_clock, lower_case, lower_case> flights;
    std::future<int> other;
    flights("Key", [&] {
        other = one_who_follows(flights, std::string_view("kEY"), never_called);
        return 1;
    });
    CHECK(other.get() == 1);
}

TEST_CASE("a key is not copied: it need not outlive the call that it was passed to") {
    struct only_key {
        explicit only_key(int n)
          : number(n) {}
        only_key(const only_key&) = delete;
        bool operator==(const only_key&) const = default;
        int number;
    };
    struct hash {
        std::size_t operator()(const only_key& k) const noexcept { return static_cast<std::size_t>(k.number); }
    };
    keel::coalesce<only_key, int, looked_at_clock, hash> flights;
    switch_to_stop stops;
    const keel::context stopped(stops);
    std::future<int> second, third;
    {
        auto key = std::make_unique<only_key>(1);
        CHECK_THROWS_AS(flights(stopped, *key,
                                [&]() -> int {
                                    second = on_another_thread([&] {
                                        return flights(only_key(1), [&] {
                                            third =
                                                on_another_thread([&] { return flights(only_key(1), never_called); });
                                            until_so_many_wait(flights, 1);
                                            return 2;
                                        });
                                    });
                                    until_so_many_wait(flights, 1);
                                    stops.on = true;
                                    throw 1;
                                }),
                        int);
    }
    CHECK(second.get() == 2);
    CHECK(third.get() == 2);
}

TEST_CASE_TEMPLATE("an exception reaches all who share the flight, and the next call begins a new one", Clock, CLOCKS) {
    flights_of<int, int, Clock> flights;
    std::future<int> other;
    const std::exception* led = nullptr;
    const std::exception* followed = nullptr;
    std::exception_ptr kept;
    try {
        flights(1, [&]() -> int {
            other = one_who_follows(flights, 1, never_called);
            throw std::runtime_error("no");
        });
    } catch (const std::runtime_error& e) {
        led = &e;
        kept = std::current_exception();
    }
    try {
        other.get();
    } catch (const std::runtime_error& e) {
        followed = &e;
    }
    CHECK(led != nullptr);
    CHECK(led == followed);
    CHECK(flights(1, [] { return 2; }) == 2);
}

TEST_CASE("an error of an expected reaches all, in the same type where that can hold a refusal") {
    flights_of<int, support::result> flights;
    std::future<support::result> other;
    const support::result led = flights(1, [&] {
        other = one_who_follows(flights, 1, support::good);
        return support::bad();
    });
    CHECK(led == support::bad());
    CHECK(other.get() == support::bad());
    CHECK(flights(keel::context(keel::time_point()), 1, support::good).error() == errc::timed_out);
    // A function may return what only converts to it.
    CHECK(flights(1, [] { return 5; }) == support::result(5));
}

TEST_CASE("an expected whose error can't hold a refusal comes with one that can") {
    using raw = std::expected<int, std::string>;
    flights_of<int, raw> flights;
    using told = decltype(flights(1, []() -> raw { return 1; }));
    static_assert(
        std::is_same_v<told, std::expected<int, keel::error_of<std::string, errc::timed_out, errc::refused>>>);
    std::future<told> other;
    const told led = flights(1, [&]() -> raw {
        other = one_who_follows(flights, 1, []() -> raw { return 1; });
        return std::unexpected("no");
    });
    REQUIRE(!led);
    CHECK(*led.error().error() == "no");
    CHECK(*other.get().error().error() == "no");
    CHECK(flights(keel::context(keel::time_point()), 1, []() -> raw { return 1; }).error().reason() == errc::timed_out);
    switch_to_stop stop{true};
    CHECK(flights(keel::context(stop), 1, []() -> raw { return 1; }).error().reason() == errc::refused);
    CHECK(flights(1, []() -> raw { return 1; }).value() == 1);
}

TEST_CASE("an error code, nothing, and a reference are results too") {
    flights_of<int, std::error_code> codes;
    std::future<std::error_code> code;
    CHECK(codes(1, [&] {
              code = one_who_follows(codes, 1, [] { return std::error_code(); });
              return std::make_error_code(std::errc::io_error);
          }) == std::errc::io_error);
    CHECK(code.get() == std::errc::io_error);
    CHECK(codes(keel::context(keel::time_point()), 1, [] { return std::error_code(); }) == errc::timed_out);

    flights_of<int, void> nothings;
    std::future<void> nothing;
    int runs = 0;
    nothings(1, [&] {
        nothing = one_who_follows(nothings, 1, [] { throw 1; });
        ++runs;
    });
    nothing.get();
    CHECK(runs == 1);
    CHECK_THROWS_AS(nothings(keel::context(keel::time_point()), 1, [] {}), keel::rejected);

    flights_of<int, const std::string&> references;
    static_assert(
        std::is_same_v<decltype(references(1, std::declval<const std::string& (&)()>())), const std::string&>);
    const std::string text = "text", other_text = "other";
    std::future<const std::string*> other;
    CHECK(&references(1, [&]() -> const std::string& {
        other = on_another_thread([&] { return &references(1, [&]() -> const std::string& { return other_text; }); });
        until_so_many_wait(references, 1);
        return text;
    }) == &text);
    CHECK(other.get() == &text);
}

TEST_CASE("attempt() tells results, errors, exceptions and refusals, and throws nothing") {
    flights_of<int, int> flights;
    static_assert(noexcept(flights.attempt(1, never_called)));
    static_assert(noexcept(flights.attempt(keel::context(), 1, never_called)));
    std::expected<int, keel::failure> good = flights.attempt(1, [] { return 1; });
    CHECK(good == 1);
    std::future<std::expected<int, keel::failure>> other;
    const auto bad = flights.attempt(1, [&]() -> int {
        other = on_another_thread([&] { return flights.attempt(1, never_called); });
        until_so_many_wait(flights, 1);
        throw 5;
    });
    REQUIRE(bad.error().exception());
    CHECK_THROWS_AS(bad.error().raise(), int);
    CHECK(other.get().error().exception() == bad.error().exception());
    CHECK(flights.attempt(keel::context(keel::time_point()), 1, never_called).error() == errc::timed_out);

    flights_of<int, support::result> reporting;
    const auto failed = reporting.attempt(1, support::bad);
    REQUIRE(failed.error().error() != nullptr);
    CHECK(*failed.error().error() == std::errc::io_error);
    flights_of<int, void> nothings;
    CHECK(nothings.attempt(1, [] {}).has_value());
}

TEST_CASE("a follower waits until its deadline and no longer") {
    flights_of<int, int> flights;
    const keel::manual_clock time = flights.clock().time;
    const led_by_another_thread flight(flights);
    const keel::context soon(keel::time_point(20ms + 7ns));
    try {
        flights(soon, 1, never_called);
        FAIL("has a result");
    } catch (const keel::rejected& r) {
        CHECK(r.reason() == errc::timed_out);
        CHECK(r.retry_after() == 0ns);
    }
    CHECK(time.now() == keel::time_point(20ms + 7ns));
    CHECK(flights.waiting() == 0);
    CHECK(flights.in_flight() == 1);
}

TEST_CASE("a follower that is woken gives up at its deadline, too") {
    // By the real clock, for only that wakes: takes a millisecond and depends on no speed.
    flights_of<int, int, keel::steady_clock> flights;
    const led_by_another_thread flight(flights);
    const keel::time_point deadline = keel::steady_clock::now() + 1ms;
    CHECK(flights.attempt(keel::context(deadline), 1, never_called).error() == errc::timed_out);
    CHECK(keel::steady_clock::now() >= deadline);
    CHECK(flights.waiting() == 0);
}

TEST_CASE("a clock that somebody has to advance is advanced by who waits for it") {
    flights_of<int, int, keel::cached_clock> flights;
    const led_by_another_thread flight(flights);
    const keel::context soon(keel::cached_clock::update() + 1ms);
    CHECK(flights.attempt(soon, 1, never_called).error() == errc::timed_out);
}

TEST_CASE_TEMPLATE("a follower that is asked to stop is refused", Clock, CLOCKS) {
    flights_of<int, int, Clock> flights;
    switch_to_stop stop;
    const keel::context context(stop);
    CHECK(flights(1, [&] {
              auto other = one_who_follows(flights, context, 1, never_called);
              stop.on = true;
              try {
                  other.get();
                  FAIL("has a result");
              } catch (const keel::rejected& r) {
                  CHECK(r.reason() == errc::refused);
              }
              CHECK(flights.waiting() == 0);
              return 1;
          }) == 1);
}

TEST_CASE_TEMPLATE("who follows with a context that lets it gets the result", Clock, CLOCKS) {
    flights_of<int, int, Clock> flights;
    switch_to_stop stop;
    const keel::context unbounded, stoppable(stop), bounded(keel::time_point::max() - 1ns);
    std::vector<std::future<int>> others;
    flights(1, [&] {
        for (const keel::context* c : {&unbounded, &stoppable, &bounded})
            others.push_back(one_who_follows(flights, *c, 1, never_called));
        return 3;
    });
    for (auto& other : others)
        CHECK(other.get() == 3);
}

TEST_CASE("who comes without time left, or has been asked to stop, runs nothing") {
    flights_of<int, int> flights;
    const keel::context late{keel::time_point()};
    switch_to_stop stop{true};
    const keel::context stopped(stop);
    CHECK(flights.attempt(late, 1, never_called).error() == errc::timed_out);
    CHECK(flights.attempt(stopped, 1, never_called).error() == errc::refused);
    CHECK(flights(1, [&] {
              CHECK(flights.attempt(late, 2, never_called).error() == errc::timed_out);
              // Not even the error for who calls for its own key.
              CHECK(flights.attempt(late, 1, never_called).error() == errc::timed_out);
              return 1;
          }) == 1);
}

TEST_CASE("a leader that fails when its deadline has passed hands the lead on") {
    flights_of<int, support::result> flights;
    const keel::context mine(far);
    std::future<support::result> second, third, fourth;
    const support::result first = flights(mine, 1, [&] {
        second = one_who_follows(flights, 1, [&] {
            fourth = one_who_follows(flights, 1, support::bad);
            return support::good();
        });
        third = one_who_follows(flights, 1, support::bad);
        auto time = flights.clock().time;
        time.set(far);
        return support::bad();
    });
    CHECK(first == support::bad());
    CHECK(second.get() == support::good());
    CHECK(third.get() == support::good());
    CHECK(fourth.get() == support::good());
    CHECK(flights.in_flight() == 0);
    CHECK(flights.waiting() == 0);
}

TEST_CASE_TEMPLATE("a leader that throws when it has been asked to stop hands the lead on", Clock, CLOCKS) {
    flights_of<int, int, Clock> flights;
    switch_to_stop stop;
    const keel::context mine(stop);
    std::future<int> second, third;
    CHECK_THROWS_AS(flights(mine, 1,
                            [&]() -> int {
                                second = one_who_follows(flights, 1, [] { return 2; });
                                third = one_who_follows(flights, 1, never_called);
                                stop.on = true;
                                throw 1;
                            }),
                    int);
    CHECK(second.get() == 2);
    CHECK(third.get() == 2);
    CHECK(flights.in_flight() == 0);
}

TEST_CASE("a leader that fails at its own end with nobody behind it ends the flight") {
    flights_of<int, support::result> flights;
    switch_to_stop stop;
    CHECK(flights(keel::context(stop), 1, [&] {
              stop.on = true;
              return support::bad();
          }) == support::bad());
    CHECK(flights.in_flight() == 0);
    CHECK(flights(1, support::good) == support::good());
}

TEST_CASE("a leader that has a result at its own end shares it") {
    flights_of<int, support::result> flights;
    switch_to_stop stop;
    std::future<support::result> other;
    CHECK(flights(keel::context(stop), 1, [&] {
              other = one_who_follows(flights, 1, support::bad);
              stop.on = true;
              return support::good();
          }) == support::good());
    CHECK(other.get() == support::good());
}

TEST_CASE("a leader that fails before its own end shares that") {
    flights_of<int, support::result> flights;
    switch_to_stop stop;
    const keel::context mine(stop, keel::time_point::max() - 1ns);
    std::future<support::result> other;
    CHECK(flights(mine, 1, [&] {
              other = one_who_follows(flights, 1, support::good);
              return support::bad();
          }) == support::bad());
    CHECK(other.get() == support::bad());
}

TEST_CASE("the lead passes over who has no time left, and who has failed for that") {
    flights_of<int, support::result> flights;
    auto time = flights.clock().time;
    const keel::context mine(far), same(far), later(far + 1h);
    std::future<support::result> second, third, fourth;
    CHECK(flights(mine, 1, [&] {
              second = one_who_follows(flights, same, 1, support::good);
              third = one_who_follows(flights, later, 1, [&] {
                  time.set(far + 1h);
                  return support::bad();
              });
              fourth = one_who_follows(flights, 1, support::good);
              time.set(far);
              return support::bad();
          }) == support::bad());
    CHECK(second.get().error() == errc::timed_out);
    CHECK(third.get() == support::bad());
    CHECK(fourth.get() == support::good());
    CHECK(flights.in_flight() == 0);
    CHECK(flights.waiting() == 0);
}

TEST_CASE("who can't be given a copy of the result runs its own function") {
    struct copied_once {
        std::atomic<int>* copies;
        explicit copied_once(std::atomic<int>& c)
          : copies(&c) {}
        copied_once(copied_once&&) = default;
        copied_once(const copied_once& other)
          : copies(other.copies) {
            if (copies->fetch_add(1) == 0) throw std::bad_alloc();
        }
    };
    flights_of<int, copied_once> flights;
    std::atomic<int> copies{0}, runs{0};
    std::future<copied_once> second, third;
    flights(1, [&] {
        const auto again = [&] {
            ++runs;
            return copied_once(copies);
        };
        second = one_who_follows(flights, 1, again);
        third = one_who_follows(flights, 1, again);
        return copied_once(copies);
    });
    second.get();
    third.get();
    CHECK(runs == 1);
    CHECK(flights.in_flight() == 0);
    CHECK(flights.waiting() == 0);
}

TEST_CASE("who comes once the function has ended begins a new flight, though the others have not got the result yet") {
    struct noticed {
        int value;
        std::function<void()>* when_copied;
        noticed(int v, std::function<void()>* action)
          : value(v)
          , when_copied(action) {}
        noticed(noticed&&) = default;
        noticed(const noticed& other)
          : value(other.value)
          , when_copied(other.when_copied) {
            if (const auto action = std::exchange(*when_copied, nullptr)) action();
        }
    };
    flights_of<int, noticed> flights;
    int came = 0;
    std::function<void()> nothing, comes = [&] {
        came = on_another_thread([&] { return flights(1, [&] { return noticed(2, &nothing); }).value; }).get();
    };
    std::future<noticed> other;
    CHECK(flights(1, [&] {
              other = one_who_follows(flights, 1, [&] { return noticed(3, &nothing); });
              return noticed(1, &comes);
          }).value == 1);
    CHECK(came == 2);
    CHECK(other.get().value == 1);
}

TEST_CASE("a function that calls for its own key gets an error, not a deadlock") {
    flights_of<int, int> flights, others;
    int runs = 0;
    try {
        flights(1, [&] {
            return flights(2, [&] {
                ++runs;
                return flights(1, never_called);
            });
        });
        FAIL("has a result");
    } catch (const std::system_error& e) {
        CHECK(e.code() == std::errc::resource_deadlock_would_occur);
        CHECK(std::string(e.what()).contains("keel::coalesce: the function of a flight has called for its own key"));
    }
    CHECK(runs == 1);
    CHECK(flights(1, [&] { return others(1, [] { return 3; }); }) == 3);
    // Nor is it one to call for it once it has been forgotten.
    CHECK(flights(1, [&] {
              flights.forget(1);
              return flights(1, [] { return 4; });
          }) == 4);
}

TEST_CASE("after forget() the next call begins a new flight, and the old one keeps its followers") {
    flights_of<int, int> flights;
    CHECK(!flights.forget(1));
    std::future<int> other;
    CHECK(flights(1, [&] {
              other = one_who_follows(flights, 1, never_called);
              CHECK(!flights.forget(2));
              CHECK(flights.forget(1));
              CHECK(!flights.forget(1));
              CHECK(flights.in_flight() == 0);
              CHECK(on_another_thread([&] { return flights(1, [] { return 2; }); }).get() == 2);
              return 1;
          }) == 1);
    CHECK(other.get() == 1);
}

TEST_CASE("the lead of a forgotten flight is handed on, and nobody joins it") {
    flights_of<int, support::result> flights;
    switch_to_stop stop;
    const keel::context mine(stop);
    std::future<support::result> second, third;
    std::atomic<bool> leads{false}, ended{false};
    flights(mine, 1, [&] {
        second = one_who_follows(flights, 1, [&] {
            leads = true;
            until(ended);
            return support::good();
        });
        third = one_who_follows(flights, 1, support::bad);
        flights.forget(1);
        stop.on = true;
        return support::bad();
    });
    until(leads);
    CHECK(flights.in_flight() == 0);
    CHECK(flights(1, support::bad) == support::bad());
    ended = true;
    CHECK(second.get() == support::good());
    CHECK(third.get() == support::good());
}

TEST_CASE("a wait that throws leaves nothing behind, and hands on the lead if it had come") {
    struct throwing_clock : looked_at_clock {
        std::shared_ptr<std::atomic<bool>> allowed = std::make_shared<std::atomic<bool>>(false);
        void sleep_until(keel::time_point) const {
            until(*allowed);
            throw 7;
        }
    };
    for (const bool has_lead : {false, true}) {
        const throwing_clock clock;
        keel::coalesce<int, support::result, throwing_clock> flights(clock);
        switch_to_stop stop;
        const keel::context mine(stop);
        std::future<support::result> other;
        CHECK(flights(mine, 1, [&] {
                  other = one_who_follows(flights, 1, support::good);
                  if (!has_lead) {
                      *clock.allowed = true;
                      CHECK_THROWS_AS(other.get(), int);
                  }
                  stop.on = true;
                  return support::bad();
              }) == support::bad());
        if (has_lead) {
            CHECK(flights.in_flight() == 1);
            *clock.allowed = true;
            CHECK_THROWS_AS(other.get(), int);
        }
        CHECK(flights.in_flight() == 0);
        CHECK(flights.waiting() == 0);
    }
}

TEST_CASE("a hash or a comparison that throws leaves nothing behind") {
    struct picky {
        std::size_t operator()(int n) const {
            if (n == 1) throw 1;
            return 0;
        }
        bool operator()(int a, int b) const {
            if (a == 2 || b == 2) throw 2;
            return a == b;
        }
    };
    keel::coalesce<int, int, keel::steady_clock, picky, picky> flights;
    CHECK_THROWS_AS(flights(1, never_called), int);
    CHECK(flights(3, [&] {
              CHECK_THROWS_AS(flights(2, never_called), int);
              CHECK(flights.in_flight() == 1);
              return 3;
          }) == 3);
    CHECK(flights(2, [] { return 2; }) == 2);
    CHECK(flights.in_flight() == 0);
}

TEST_CASE("the function sees what the call's context says") {
    flights_of<int, int> flights;
    switch_to_stop stop;
    const keel::context outer(stop, far);
    CHECK(flights(outer, 1, [&](const keel::context& c) {
              CHECK(c.deadline() == far);
              CHECK(c.remaining() == 1h);
              CHECK(c.attempt() == 1);
              CHECK(!c.stop_requested());
              stop.on = true;
              CHECK(c.stop_requested());
              return 1;
          }) == 1);
    CHECK(flights(1, [](const keel::context& c) {
              CHECK(c.deadline() == keel::no_deadline);
              return 2;
          }) == 2);
}

TEST_CASE("retries inside a flight are among those of the call around it") {
    const auto twice = keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 1ms}});
    keel::pipeline outer{twice, keel::manual_clock()}, inner{twice, keel::manual_clock()};
    keel::coalesce<int, support::result, keel::manual_clock> flights;
    int runs = 0;
    const support::result r = outer([&](const keel::context& c) {
        return flights(c, 1, [&](const keel::context& d) {
            return inner(d, [&] {
                ++runs;
                return support::bad();
            });
        });
    });
    CHECK(r == support::bad());
    CHECK(runs == 2);
}

TEST_CASE("a refusal reaches the pipeline around it: a timeout counts, a stop does not") {
    keel::manual_clock time;
    keel::pipeline guard{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}), time};
    keel::coalesce<int, int, keel::manual_clock> flights(time);
    switch_to_stop stop{true};
    CHECK(!guard.attempt(keel::context(stop), [&](const keel::context& c) { return flights(c, 1, never_called); }));
    CHECK(guard.circuit().state() == keel::circuit_state::closed);
    CHECK(
        !guard.attempt(keel::context(time.now()), [&](const keel::context& c) { return flights(c, 1, never_called); }));
    CHECK(guard.circuit().state() == keel::circuit_state::open);
}

TEST_CASE("a leader whose thread ends in the function hands the lead on") {
    struct ending {
        flights_of<int, int, keel::steady_clock> flights;
        std::future<int> other;
    } all;
    ::pthread_t leader{};
    ::pthread_create(
        &leader, nullptr,
        [](void* given) -> void* {
            auto& [flights, other] = *static_cast<ending*>(given);
            flights(1, [&]() -> int {
                other = one_who_follows(flights, 1, [] { return 2; });
                ::pthread_exit(nullptr);
            });
            return nullptr;
        },
        &all);
    ::pthread_join(leader, nullptr);
    CHECK(all.other.get() == 2);
    CHECK(all.flights.in_flight() == 0);
}

namespace {
template <class Flights, class F>
concept can_call = requires(Flights& flights, F f) { flights(1, f); };
using ints = keel::coalesce<int, int>;
static_assert(can_call<ints, int (*)()> && can_call<ints, short (*)(const keel::context&)>);
static_assert(!can_call<ints, int (*)(int)> && !can_call<ints, std::string (*)()> && !can_call<ints, void (*)()>);
static_assert(can_call<keel::coalesce<int, const int&>, int& (*)()>);
static_assert(!can_call<keel::coalesce<int, const int&>, int (*)()>); // would refer to what has ended
static_assert(!std::is_copy_constructible_v<ints> && !std::is_move_constructible_v<ints>);
} // namespace
