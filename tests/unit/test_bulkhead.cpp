// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/hooked_clock.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/explain.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/strict.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using keel::bulkhead;
using keel::errc;
using support::hooked_clock;
using support::result;

namespace {
constexpr auto one = bulkhead({.permits = 1});
constexpr auto one_that_waits = bulkhead({.permits = 1, .max_wait = 50ms});
constexpr auto twice = keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 10ms}});

/// Runs `inside` while a call of `p` has its permit.
template <class Pipeline, class Inside>
void with_a_call_in(Pipeline& p, Inside inside) {
    REQUIRE(p.attempt([&] { inside(); }).has_value());
}
template <class Pipeline>
keel::errc refusal_of(Pipeline& p) {
    const auto r = p.attempt([] { return 1; });
    return r ? errc{} : r.error().reason();
}
const std::error_code full = keel::make_error_code(errc::bulkhead_full);

/// Throws from the hook that is named.
struct throwing_hook {
    enum class where { nowhere, admit, settle } in = where::nowhere;
    keel::admission admit(keel::call&, auto&) const {
        if (in == where::admit) throw std::logic_error("admit");
        return keel::proceed;
    }
    keel::verdict settle(keel::call&, auto&, auto&) const {
        if (in == where::settle) throw std::logic_error("settle");
        return keel::verdict::keep();
    }
};

/// A bulkhead whose permits the test takes and gives back by hand: with one thread, no other call could end while one
/// waits.
using permits_by_hand = keel::fair_permits<256>;
struct by_hand : keel::detail::permitting<by_hand> {
    permits_by_hand* shared;
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

TEST_CASE("bulkhead lets in as many calls as it has permits, and refuses the next") {
    keel::pipeline p{bulkhead({.permits = 2})};
    with_a_call_in(p, [&] {
        CHECK(refusal_of(p) == errc{});
        with_a_call_in(p, [&] {
            CHECK(refusal_of(p) == errc::bulkhead_full);
            CHECK(p.state<0>().in_flight() == 2);
        });
        CHECK(refusal_of(p) == errc{});
    });
    CHECK(p.state<0>().in_flight() == 0);
}

TEST_CASE("there are 25 permits if nothing else is said, and no call waits") {
    keel::pipeline p{bulkhead, hooked_clock{}};
    int depth = 0;
    const auto deeper = [&](auto& self) -> int {
        ++depth;
        if (p.attempt([&] { return self(self); })) return 0;
        return 1;
    };
    static_cast<void>(p.attempt([&] { return deeper(deeper); }));
    CHECK(depth == 25);
    CHECK(p.clock().state->sleeps == 0);
}

TEST_CASE("a refusal reaches the caller by exception, as an error code, or as its own alternative") {
    keel::pipeline p{one};
    with_a_call_in(p, [&] {
        try {
            p([] { return 1; });
            FAIL("was let in");
        } catch (const keel::rejected& r) {
            CHECK(r.reason() == errc::bulkhead_full);
            CHECK(r.retry_after() == 0ns); // nobody knows
        }
        CHECK_THROWS_AS(p([] {}), keel::rejected);
        int value = 1;
        CHECK_THROWS_AS(p([&]() -> int& { return value; }), keel::rejected);
        CHECK(p(support::good).error() == full);
        CHECK(p([] { return std::error_code(); }) == full);
        const auto widened = p([]() -> std::expected<int, std::string> { return 1; });
        REQUIRE(!widened);
        static_assert(std::is_same_v<std::remove_cvref_t<decltype(widened.error())>,
                                     keel::error_of<std::string, errc::bulkhead_full>>);
        CHECK(widened.error().reason() == errc::bulkhead_full);
        CHECK(p.attempt([] {}).error() == errc::bulkhead_full);
    });
}

TEST_CASE_TEMPLATE("the permit goes back however the call ends", P, keel::bulkhead_policy<>,
                   support::cold_only<keel::bulkhead_policy<>>) {
    P policy{};
    if constexpr (std::is_same_v<P, keel::bulkhead_policy<>>)
        policy = one;
    else
        policy.inner = one;
    keel::pipeline p{policy};
    const auto is_free = [&] { return p.template state<0>().in_flight() == 0 && p.attempt([] { return 1; }); };
    CHECK(p([] { return 1; }) == 1);
    CHECK(is_free());
    p([] {});
    CHECK(is_free());
    int value = 1;
    CHECK(&p([&]() -> int& { return value; }) == &value);
    CHECK(is_free());
    CHECK(p(support::good).has_value());
    CHECK(is_free());
    CHECK(!p(support::bad));
    CHECK(is_free());
    CHECK(p([] { return std::make_error_code(std::errc::io_error); }) == std::errc::io_error);
    CHECK(is_free());
    CHECK(!p([]() -> std::expected<int, std::string> { return std::unexpected("x"); }));
    CHECK(is_free());
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(is_free());
    CHECK(!p.attempt([]() -> int { throw 1; }));
    CHECK(is_free());
}

TEST_CASE("the permit goes back if a policy further in refuses") {
    keel::manual_clock clock;
    keel::pipeline p{one | keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}), clock};
    CHECK(!p(support::bad));
    CHECK(p(support::good).error() == keel::make_error_code(errc::circuit_open));
    CHECK(p.state<0>().in_flight() == 0);

    keel::pipeline late{one | keel::timeout(10ms), clock};
    CHECK(late.attempt([&] { return clock.advance(20ms), 1; }).error() == errc::timed_out);
    CHECK(late.state<0>().in_flight() == 0);

    keel::pipeline nested{bulkhead({.permits = 2}) | one, clock};
    with_a_call_in(nested, [&] { CHECK(refusal_of(nested) == errc::bulkhead_full); });
    CHECK(nested.state<0>().in_flight() == 0);
    CHECK(nested.state<1>().in_flight() == 0);
}

TEST_CASE("the permit goes back if a hook throws, further in or further out") {
    using where = throwing_hook::where;
    for (const where in : {where::admit, where::settle}) {
        keel::pipeline inside{one | throwing_hook{in}};
        keel::pipeline outside{throwing_hook{in} | one};
        CHECK_THROWS_AS(inside([] { return 1; }), std::logic_error);
        CHECK_THROWS_AS(outside([] { return 1; }), std::logic_error);
        CHECK_THROWS_AS(inside([]() -> int { throw 1; }), std::logic_error);
        CHECK(inside.state<0>().in_flight() == 0);
        CHECK(outside.state<1>().in_flight() == 0);
    }
    const auto throwing_predicate = [](int) -> bool { throw std::logic_error("predicate"); };
    keel::pipeline asked{one | keel::breaker<>.failing_if(throwing_predicate)};
    CHECK_THROWS_AS(asked([] { return 1; }), std::logic_error);
    CHECK(asked.state<0>().in_flight() == 0);
}

TEST_CASE("without max_wait a call reads no clock, let in or refused") {
    hooked_clock clock;
    keel::pipeline p{one, clock};
    with_a_call_in(p, [&] { CHECK(refusal_of(p) == errc::bulkhead_full); });
    keel::pipeline colder{twice | one, clock};
    CHECK(colder([] { return 1; }) == 1);
    keel::pipeline coldest{throwing_hook{} | one, clock};
    with_a_call_in(coldest, [&] { CHECK(refusal_of(coldest) == errc::bulkhead_full); });
    CHECK(clock.state->readings == 0);
    static_assert(!keel::detail::needs_of(one_that_waits).entry_time);
}

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

TEST_CASE("right of a retry each attempt takes a permit, and none is held in between") {
    hooked_clock clock;
    keel::pipeline p{twice | one, clock};
    clock.state->on_sleep = [&](keel::time_point) { CHECK(p.state<1>().in_flight() == 0); };
    int attempts = 0;
    CHECK_THROWS_AS(p([&]() -> int {
                        ++attempts;
                        CHECK(p.state<1>().in_flight() == 1);
                        throw 1;
                    }),
                    int);
    CHECK(attempts == 2);
    CHECK(clock.state->sleeps == 1);
    CHECK(p.state<1>().in_flight() == 0);
}

TEST_CASE("left of a retry the permit is held through its waits") {
    hooked_clock clock;
    keel::pipeline p{one | twice, clock};
    clock.state->on_sleep = [&](keel::time_point) { CHECK(p.state<0>().in_flight() == 1); };
    CHECK_THROWS_AS(p([]() -> int { throw 1; }), int);
    CHECK(clock.state->sleeps == 1);
    CHECK(p.state<0>().in_flight() == 0);
}

TEST_CASE("a refusal is worth another attempt to a retry, and says nothing to a breaker") {
    hooked_clock clock;
    keel::pipeline p{twice | one, clock};
    with_a_call_in(p, [&] {
        CHECK(refusal_of(p) == errc::bulkhead_full);
        CHECK(clock.state->sleeps == 1);
    });
    keel::pipeline watched{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) | one, clock};
    with_a_call_in(watched, [&] {
        CHECK(refusal_of(watched) == errc::bulkhead_full);
        CHECK(watched.circuit().state() == keel::circuit_state::closed);
        CHECK(watched.circuit().stats().totals.ignored == 1);
    });
}

TEST_CASE("pipelines share a bulkhead") {
    keel::manual_clock clock;
    keel::shared_bulkhead database{{.permits = 2}};
    keel::pipeline a{keel::timeout(1s) | keel::through(database), clock};
    keel::pipeline b{keel::through(database) | twice, clock};
    with_a_call_in(a, [&] {
        with_a_call_in(b, [&] {
            CHECK(database.in_flight() == 2);
            CHECK(refusal_of(a) == errc::bulkhead_full);
            CHECK(refusal_of(b) == errc::bulkhead_full);
        });
        CHECK(database.in_flight() == 1);
        CHECK(refusal_of(b) == errc{});
    });
    CHECK(database.in_flight() == 0);
    CHECK(database.waiting() == 0);
    CHECK(database.config().permits == 2);
    CHECK_THROWS_AS((keel::shared_bulkhead<>{{.permits = 0}}), keel::invalid_config);
}

namespace {
keel::shared_bulkhead everywhere{{.permits = 1}};
} // namespace

TEST_CASE("a bulkhead can be part of a static pipeline, its own or shared") {
    keel::static_pipeline<keel::timeout(1s) | bulkhead({.permits = 1})> p;
    with_a_call_in(p, [&] { CHECK(refusal_of(p) == errc::bulkhead_full); });
    CHECK(refusal_of(p) == errc{});
    keel::static_pipeline<keel::through(everywhere)> a, b;
    with_a_call_in(a, [&] { CHECK(refusal_of(b) == errc::bulkhead_full); });
    CHECK(refusal_of(b) == errc{});
}

TEST_CASE("a bulkhead is found by its name and tells its figures") {
    hooked_clock clock;
    keel::pipeline p{keel::breaker<> | keel::named<"database">(one_that_waits), clock};
    with_a_call_in(p, [&] {
        clock.at_sleep(1, [&] {
            CHECK(p.get<"database">().in_flight() == 1);
            CHECK(p.get<"database">().waiting() == 1);
        });
        CHECK(refusal_of(p) == errc::bulkhead_full);
    });
    CHECK(p.get<"database">().in_flight() == 0);
    CHECK(p.get<"database">().waiting() == 0);

    keel::shared_bulkhead database{{.permits = 2}};
    keel::pipeline reads{keel::named<"database">(keel::through(database))};
    keel::pipeline writes{keel::through(database)};
    with_a_call_in(reads, [&] {
        with_a_call_in(writes, [&] { CHECK(reads.get<"database">().in_flight() == 2); });
        CHECK(reads.get<"database">().waiting() == 0);
    });
}

TEST_CASE("a bulkhead tells what it does to who looks at whole chains") {
    CHECK(keel::explain(one_that_waits).text() ==
          "bulkhead: refuses while all its permits are out, waits for up to 50 ms\n"
          "  your function\n"
          "at most 1 attempt; may be refused: bulkhead full\n");
    CHECK(keel::explain(keel::timeout(1s) | one_that_waits).duration == keel::nanos(1s));
    keel::shared_bulkhead database{{.permits = 2, .max_wait = 1ms}};
    CHECK(keel::through(database).facts().waits == keel::nanos(1ms));
    constexpr auto account = keel::explain(keel::strict(keel::timeout(1s) | keel::through(everywhere)));
    static_assert(account.duration == keel::nanos(1s) && account.can_be(errc::bulkhead_full));
    CHECK(account.text().find("permits are out, waits without a bound\n") != std::string::npos);
    constexpr auto card = keel::retry<keel::exp_jitter> | keel::breaker<>;
    CHECK_NOTHROW(keel::strict(card | one));
    CHECK_THROWS_AS(keel::strict(one | card), keel::invalid_config);
}

TEST_CASE("bulkhead refuses a configuration out of range") {
    CHECK_NOTHROW(bulkhead({.permits = 1'000'000, .max_wait = 24h * 365 * 100}));
    for (const int permits : {0, -1, 1'000'001}) {
        try {
            bulkhead({.permits = permits});
            FAIL("was accepted");
        } catch (const keel::invalid_config& e) {
            CHECK(std::string(e.policy()) == "bulkhead");
            CHECK(std::string(e.field()) == "permits");
            CHECK(e.value() == permits);
            CHECK(std::string(e.range()) == "must be at least 1 and at most 1000000");
        }
    }
    CHECK_THROWS_AS(bulkhead({.max_wait = -1ns}), keel::invalid_config);
    CHECK_THROWS_AS(bulkhead({.max_wait = std::chrono::hours::max()}), keel::invalid_config);
    keel::bulkhead_policy<> unchecked({.permits = 0});
    CHECK_THROWS_AS(keel::pipeline{unchecked}, keel::invalid_config);
}

namespace {
/// Calls inside calls, at random, against the one figure that a bulkhead is about.
template <class Pipeline>
class nest {
  public:
    nest(Pipeline& p, std::uint32_t permits, std::uint64_t seed)
      : p_(p)
      , permits_(permits)
      , random_(seed) {}

    void run(int calls) {
        while (calls_ < calls)
            call();
    }
    int refused() const { return refused_; }

  private:
    template <class Ends>
    void called(Ends ends) {
        ++calls_;
        const std::uint32_t depth = inside_;
        bool ran = false;
        const errc reason = ends([&] {
            ran = true;
            REQUIRE(p_.template get<"it">().in_flight() == ++inside_);
            while (inside_ < 8 && random_() % 3 != 0)
                call();
            --inside_;
        });
        REQUIRE(ran == (depth < permits_));
        REQUIRE((reason == errc::bulkhead_full) == !ran);
        REQUIRE(inside_ == depth);
        REQUIRE(p_.template get<"it">().in_flight() == depth);
        REQUIRE(p_.template get<"it">().waiting() == 0);
        refused_ += !ran;
    }
    void call() {
        switch (random_() % 4) {
        case 0:
            return called([&](auto inside) { return reason_of(p_.attempt([&] { inside(); })); });
        case 1:
            return called([&](auto inside) { return reason_of(p_.attempt([&] { inside(), throw 1; })); });
        case 2:
            return called([&](auto inside) {
                const result r = p_([&]() -> result { return inside(), support::bad(); });
                return r.error() == full ? errc::bulkhead_full : errc{};
            });
        default:
            return called([&](auto inside) {
                try {
                    p_([&]() -> int { return inside(), 1; });
                } catch (const keel::rejected& r) {
                    return r.reason();
                }
                return errc{};
            });
        }
    }
    static errc reason_of(const auto& r) { return r ? errc{} : r.error().reason(); }

    Pipeline& p_;
    std::uint32_t permits_;
    std::mt19937_64 random_;
    std::uint32_t inside_ = 0;
    int calls_ = 0, refused_ = 0;
};

template <class Chain>
void nest_at_random(const Chain& chain, std::uint32_t permits) {
    const char* given = std::getenv("KEEL_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
    INFO("seed ", seed);
    keel::manual_clock clock;
    keel::pipeline p{chain, clock};
    nest n(p, permits, seed);
    n.run(50'000);
    CHECK(n.refused() > 500);
}
} // namespace

TEST_CASE("of calls inside calls as many are let in as there are permits, however they end") {
    constexpr auto never_open = keel::breaker<>({.failure_rate = 1.0, .minimum_calls = 100});
    nest_at_random(keel::named<"it">(bulkhead({.permits = 3})), 3);
    nest_at_random(keel::named<"it">(bulkhead({.permits = 5, .max_wait = 1us})) | never_open, 5);
    nest_at_random(keel::timeout(24h * 365) | keel::named<"it">(bulkhead({.permits = 4})), 4);
    nest_at_random(throwing_hook{} | keel::named<"it">(bulkhead({.permits = 2})) | keel::timeout(24h * 365), 2);
}
