// SPDX-License-Identifier: BSL-1.0
#include "support/calls_inside.hpp"
#include "support/hooked_clock.hpp"

#include <keel/bulkhead.hpp>
#include <keel/context.hpp>
#include <keel/pipeline.hpp>
#include <keel/sync/fair_permits.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using keel::bulkhead;
using keel::errc;
using support::hooked_clock;
using support::refusal_of;
using support::with_a_call_in;

namespace {
constexpr auto one_that_waits = bulkhead({.permits = 1, .max_wait = 50ms});

/// A bulkhead whose permits the test takes and gives back by hand: with one thread, no other call could end while one
/// waits.
using permits_by_hand = keel::fair_permits<256>;
struct by_hand : keel::detail::permitting<by_hand> {
    permits_by_hand* shared;
    using frame = keel::detail::place_in_line<permits_by_hand>;
    keel::bulkhead_config config{.permits = 1, .max_wait = 50ms};

    template <class>
    struct state {
        permits_by_hand& permits;
        explicit state(const by_hand& b)
          : permits(*b.shared) {}
    };
    explicit by_hand(permits_by_hand& p)
      : shared(&p) {}
    const keel::bulkhead_config& config_of(const auto&) const { return config; }
};

struct stop_flag {
    const bool* is_set;
    bool stop_requested() const noexcept { return *is_set; }
};
} // namespace

TEST_CASE("a call waits for max_wait and not longer") {
    hooked_clock clock;
    keel::pipeline p{bulkhead({.permits = 1, .max_wait = 50ms + 1ns}), clock};
    with_a_call_in(p, [&] {
        const auto before = clock.now();
        CHECK(refusal_of(p) == errc::bulkhead_full);
        CHECK(clock.now() == before + 50ms + 1ns);
        CHECK(p.state<0>().waiting() == 0);
        CHECK(p.state<0>().in_flight() == 1);
    });
    CHECK(p.state<0>().in_flight() == 0);
}

TEST_CASE("a call waits for no longer than it must") {
    hooked_clock clock;
    keel::shared_bulkhead shared{{.permits = 1, .max_wait = 50ms}};
    keel::pipeline p{keel::through(shared), clock};
    with_a_call_in(p, [&] { CHECK(shared.in_flight() == 1); });
    const auto began = clock.now();
    CHECK(refusal_of(p) == errc{});
    CHECK(clock.now() == began);
    CHECK(clock.state->sleeps == 0);
}

TEST_CASE("a permit that comes back while a call waits is that call's, at its next look") {
    hooked_clock clock;
    permits_by_hand permits;
    keel::pipeline p{keel::timeout(1h) | by_hand(permits), clock};
    const auto free_again = [&] { return permits.in_use(1) == 0 && permits.waiting() == 0; };

    SUBCASE("and the call is let in") {
        for (const int n : {1, 7}) {
            REQUIRE(permits.try_take(1));
            const auto began = clock.now();
            clock.at_sleep(n, [&] {
                CHECK(permits.waiting() == 1);
                permits.give_back(1);
                CHECK(!permits.try_take(1)); // nobody overtakes
            });
            CHECK(p([&] { return permits.in_use(1); }) == 1);
            CHECK(clock.now() == began + n * 50us);
            CHECK(free_again());
        }
    }
    SUBCASE("even if it comes back before the call is in line") {
        keel::pipeline unbounded{by_hand(permits), clock};
        REQUIRE(permits.try_take(1));
        clock.state->on_reading = [&] {
            clock.state->on_reading = nullptr;
            permits.give_back(1);
        };
        CHECK(unbounded([&] { return permits.in_use(1); }) == 1);
        CHECK(clock.state->sleeps == 0);
        CHECK(free_again());
    }
    SUBCASE("even if a sleep lasts past max_wait") {
        REQUIRE(permits.try_take(1));
        clock.at_sleep(1, [&] {
            permits.give_back(1);
            clock.advance(10min);
        });
        CHECK(refusal_of(p) == errc{});
        CHECK(free_again());
    }
    SUBCASE("but not if it lasts to the deadline: the permit goes on") {
        REQUIRE(permits.try_take(1));
        permits_by_hand::ticket next{};
        clock.at_sleep(1, [&] {
            CHECK(permits.enter(1, next) == permits_by_hand::entry::in_line);
            permits.give_back(1);
            CHECK(!permits.is_handed_over(next));
            clock.advance(1h);
        });
        CHECK(refusal_of(p) == errc::bulkhead_full);
        CHECK(permits.is_handed_over(next));
        permits.give_back(1);
        CHECK(free_again());
    }
    SUBCASE("and if the sleep throws it goes back") {
        REQUIRE(permits.try_take(1));
        clock.at_sleep(1, [&] {
            permits.give_back(1);
            throw std::runtime_error("sleep");
        });
        CHECK_THROWS_AS(p([] { return 1; }), std::runtime_error);
        CHECK(free_again());
    }
    SUBCASE("and if the sleep throws before, the place in line is given up") {
        REQUIRE(permits.try_take(1));
        clock.at_sleep(3, [] { throw std::runtime_error("sleep"); });
        CHECK_THROWS_AS(p([] { return 1; }), std::runtime_error);
        CHECK(permits.waiting() == 0);
        permits.give_back(1);
        CHECK(free_again());
    }
    SUBCASE("and the further behind it stands, the less often it looks") {
        REQUIRE(permits.try_take(1));
        permits_by_hand::ticket others[30]{};
        for (auto& each : others)
            REQUIRE(permits.enter(1, each) == permits_by_hand::entry::in_line);
        std::vector<keel::time_point> looks{clock.now()};
        clock.state->on_sleep = [&](keel::time_point until) {
            looks.push_back(until);
            if (looks.size() % 2 == 0) {
                // Five at a time get through the bulkhead.
                for (int i = 0; i < 5; ++i)
                    permits.give_back(1);
            }
        };
        CHECK(refusal_of(p) == errc{});
        std::vector<std::chrono::nanoseconds> between;
        for (std::size_t i = 1; i < looks.size(); ++i)
            between.push_back(looks[i] - looks[i - 1]);
        CHECK(between == std::vector<std::chrono::nanoseconds>{1ms, 1ms, 1ms, 1ms, 1ms, 800us, 800us, 550us, 550us,
                                                               300us, 300us, 50us, 50us});
    }
}

TEST_CASE("a call never waits past its deadline") {
    hooked_clock clock;
    keel::pipeline p{keel::timeout(20ms + 1ns) | one_that_waits, clock};
    with_a_call_in(p, [&] {
        const auto before = clock.now();
        CHECK(refusal_of(p) == errc::bulkhead_full);
        CHECK(clock.now() == before + 20ms + 1ns);
        CHECK(p.state<1>().waiting() == 0);
        // That was the end of the call that is inside, too.
        clock.advance(-20ms - 1ns);
    });
    // Nor does it begin to, with the deadline of a caller that has passed.
    keel::pipeline alone{one_that_waits, clock};
    with_a_call_in(alone, [&] {
        const int before = clock.state->sleeps;
        CHECK(alone.attempt(keel::context(clock.now()), [] { return 1; }).error() == errc::bulkhead_full);
        CHECK(clock.state->sleeps == before);
    });
}

TEST_CASE("a call that is no longer wanted stops waiting, or does not begin to") {
    hooked_clock clock;
    keel::pipeline p{one_that_waits, clock};
    bool stop = false;
    const stop_flag flag{&stop};
    const keel::context outer(flag);
    with_a_call_in(p, [&] {
        const auto began = clock.now();
        clock.at_sleep(3, [&] { stop = true; });
        CHECK(p.attempt(outer, [] { return 1; }).error() == errc::bulkhead_full);
        CHECK(clock.now() == began + 150us);
        CHECK(p.state<0>().waiting() == 0);
        CHECK(p.attempt(outer, [] { return 1; }).error() == errc::bulkhead_full);
        CHECK(clock.now() == began + 150us);
    });
}

TEST_CASE("as many wait as there are places in line, and the next is refused at once") {
    hooked_clock clock;
    keel::pipeline p{keel::basic_bulkhead<{.waiters = 2}>({.permits = 1, .max_wait = 50ms}), clock};
    int deepest = 0;
    bool refused_at_once = false;
    // Who waits first is refused last: the others come while it sleeps.
    clock.state->on_sleep = [&](keel::time_point) {
        if (++deepest > 2) return;
        const auto before = clock.now();
        CHECK(refusal_of(p) == errc::bulkhead_full);
        if (deepest == 2 && !refused_at_once) refused_at_once = clock.now() == before;
    };
    with_a_call_in(p, [&] { CHECK(refusal_of(p) == errc::bulkhead_full); });
    CHECK(refused_at_once);
    CHECK(p.state<0>().in_flight() == 0);
    CHECK(p.state<0>().waiting() == 0);
}
