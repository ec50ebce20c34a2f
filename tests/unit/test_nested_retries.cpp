// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"
#include "support/seed.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/backoff/schedule.hpp>
#include <keel/backoff/views.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/fallback.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <range/v3/view/take.hpp>
#include <range/v3/view/take_while.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using keel::context;
using support::bad;
using support::good;
using support::result;

namespace {

constexpr auto tries(int n) { return keel::retry<keel::constant>({.attempts = n, .backoff = {.every = 0ms}}); }
using retrying = keel::pipeline<keel::chain<keel::retry_policy<keel::constant>>>;

/// How often the innermost function is invoked that fails whenever it is.
template <class Outer, class Inner>
int together(Outer& outer, Inner& inner) {
    int n = 0;
    static_cast<void>(outer([&](const context& c) { return inner(c, [&] { return ++n, bad(); }); }));
    return n;
}

} // namespace

TEST_CASE("retries that are made inside of an attempt are among those of the call around it") {
    retrying three{tries(3)}, also_three{tries(3)}, five{tries(5)}, two{tries(2)};
    CHECK(together(three, also_three) == 3);
    CHECK(together(three, five) == 3);
    CHECK(together(three, two) == 3); // one inside the first attempt, one of its own
    CHECK(together(five, two) == 5);
    CHECK(together(two, five) == 2);
    keel::static_pipeline<tries(3)> fixed, also_fixed;
    CHECK(together(fixed, also_fixed) == 3);
    CHECK(together(fixed, five) == 3);
    CHECK(together(three, fixed) == 3);
}

TEST_CASE("a call that may not retry has no retry to spend further in") {
    retrying once{tries(1)}, three{tries(3)};
    CHECK(together(once, three) == 1);
    CHECK(together(three, once) == 3);
}

TEST_CASE("what the inner call has not spent the outer call has, and each call begins with all of its own") {
    retrying outer{tries(5)}, inner{tries(3)};
    std::string seen;
    const auto call = [&] {
        seen.clear();
        return outer([&](const context& c) -> result {
            seen += std::to_string(c.attempt());
            const result r = inner(c, [&, n = 0]() mutable {
                seen += '.';
                return ++n == 2 ? good() : bad();
            });
            return r ? bad() : r;
        });
    };
    for (int i = 0; i < 3; ++i) {
        CHECK(!call());
        // Four retries: three inside, one attempt more, whose inside has none left.
        CHECK(seen == "1..2..3.");
    }
}

TEST_CASE("several calls inside of one attempt share its retries, and the first attempt of each is free") {
    retrying outer{tries(4)}, a{tries(3)}, b{tries(3)};
    int of_a = 0, of_b = 0;
    static_cast<void>(outer([&](const context& c) {
        static_cast<void>(a(c, [&] { return ++of_a, bad(); }));
        return b(c, [&] { return ++of_b, bad(); });
    }));
    CHECK(of_a == 3); // two retries
    CHECK(of_b == 2); // the third
}

TEST_CASE("a pipeline without a retry passes on what the one around it has") {
    keel::pipeline outer{keel::timeout(1h) | tries(3)};
    keel::pipeline between{keel::timeout(1h) | keel::breaker<>};
    retrying inner{tries(3)};
    int n = 0;
    static_cast<void>(outer([&](const context& c) {
        return between(c, [&](const context& d) {
            return between(d, [&](const context& e) { return inner(e, [&] { return ++n, bad(); }); });
        });
    }));
    CHECK(n == 3);
    // And nobody bounds what is called with a context that is in no attempt of a retry.
    n = 0;
    static_cast<void>(between([&](const context& c) { return inner(c, [&] { return ++n, bad(); }); }));
    CHECK(n == 3);
    n = 0;
    static_cast<void>(inner(context(), [&] { return ++n, bad(); }));
    CHECK(n == 3);
}

TEST_CASE("at any depth a call spends no more than each of the calls around it has") {
    retrying ten{tries(10)}, two{tries(2)}, five{tries(5)};
    int of_two = 0, n = 0;
    static_cast<void>(ten([&](const context& c) {
        ++of_two;
        return two(c, [&](const context& d) { return five(d, [&] { return ++n, bad(); }); });
    }));
    // In each of its calls `two` has one retry, which `five` spends; of the nine of `ten` one goes with it each time.
    CHECK(of_two == 5);
    CHECK(n == 10);
}

TEST_CASE("what was taken goes back where a call further out has none") {
    retrying one{tries(2)}, many{tries(9)};
    int n = 0;
    std::vector<int> in_each;
    static_cast<void>(one([&](const context& c) {
        return many(c, [&](const context& d) {
            const int before = n;
            static_cast<void>(many(d, [&] { return ++n, bad(); }));
            static_cast<void>(many(d, [&] { return ++n, bad(); }));
            in_each.push_back(n - before);
            return bad();
        });
    }));
    CHECK(in_each == std::vector{3}); // one retry, and none for anybody after it
}

TEST_CASE("an inner call's retries count when it throws, and by whichever channel the outer one answers") {
    retrying outer{tries(3)}, inner{tries(2)};
    int n = 0;
    const auto nested = [&](const context& c) -> int { return inner(c, [&]() -> int { throw ++n; }); };
    CHECK_THROWS_AS(outer(nested), int);
    CHECK(n == 3);
    CHECK(!outer.attempt(nested));
    CHECK(n == 6);
    CHECK(!outer.attempt(context(), nested));
    CHECK(n == 9);
    static_cast<void>(outer([&](const context& c) { return inner.attempt(c, [&]() -> int { throw ++n; }); }));
    CHECK(n == 12);
}

TEST_CASE("an attempt that the inner call has made good spends its retries all the same") {
    retrying outer{tries(3)}, inner{tries(3)};
    int n = 0, made = 0;
    CHECK(outer([&](const context& c) {
              ++made;
              return inner(c, [&] { return ++n < 3 ? bad() : good(); });
          }).has_value());
    CHECK(n == 3);
    CHECK(made == 1);
}

TEST_CASE("copies of a context spend the retries of the call that it is of") {
    retrying outer{tries(3)}, inner{tries(3)};
    int n = 0;
    const auto failing = [&] { return ++n, bad(); };
    static_cast<void>(outer([&](const context& c) {
        const context copy = c;
        const context of_copy(copy);
        context assigned;
        assigned = of_copy;
        CHECK(assigned.attempt() == c.attempt());
        CHECK(assigned.deadline() == c.deadline());
        return inner(assigned, failing);
    }));
    CHECK(n == 3);
    n = 0;
    static_cast<void>(outer([&](context c) { // by value
        return inner(c, failing);
    }));
    CHECK(n == 3);
}

TEST_CASE("a call of another pipeline without the context is no part of the call") {
    retrying outer{tries(3)}, inner{tries(3)};
    int n = 0;
    static_cast<void>(outer([&](const context&) { return inner([&] { return ++n, bad(); }); }));
    CHECK(n == 9);
}

TEST_CASE("retries of one chain multiply as composed, and have all of that for what is inside") {
    keel::pipeline nested{tries(3) | keel::timeout(1h) | tries(2)};
    retrying inner{tries(9)};
    int n = 0;
    static_cast<void>(nested([&] { return ++n, bad(); }));
    CHECK(n == 6);
    CHECK(together(nested, inner) == 6);
}

TEST_CASE("a schedule has as many retries as delays") {
    retrying inner{tries(9)};
    keel::pipeline listed{keel::retry_on(keel::schedule{0ms, 0ms})};
    CHECK(together(listed, inner) == 3);
    keel::pipeline counted{keel::retry_on(std::vector{0ms, 0ms, 0ms, 0ms}, 3)};
    CHECK(together(counted, inner) == 3);
    keel::pipeline none{keel::retry_on(std::vector<std::chrono::seconds>{})};
    CHECK(together(none, inner) == 1);
    keel::pipeline taken{keel::retry_on(
        keel::views::delays(keel::constant{.every = 0ms}) | ranges::views::take_while([](auto) { return true; }), 4)};
    CHECK(together(taken, inner) == 4);
    keel::pipeline cut{keel::retry_on(keel::views::delays(keel::constant{.every = 0ms}) | ranges::views::take(2))};
    CHECK(together(cut, inner) == 3);
}

TEST_CASE("a budgeted and a named retry share their retries like any other") {
    retrying inner{tries(9)};
    keel::pipeline budgeted{tries(3).budgeted()};
    CHECK(together(budgeted, inner) == 3);
    keel::pipeline named{keel::named<"it">(tries(3))};
    CHECK(together(named, inner) == 3);
    keel::pipeline inside{tries(9).budgeted()};
    retrying outer{tries(3)};
    CHECK(together(outer, inside) == 3);
}

TEST_CASE("a fallback's function is in an attempt where it is inside of a retry, and in none outside") {
    retrying replica{tries(3)};
    int n = 0;
    const auto ask_replica = [&](const keel::failure&, const context& c) -> int {
        return replica(c, [&]() -> int { throw ++n; });
    };
    keel::pipeline outside{keel::fallback(ask_replica) | tries(3)};
    CHECK_THROWS_AS(outside([]() -> int { throw 0; }), int);
    CHECK(n == 3);
    n = 0;
    keel::pipeline inside{tries(4) | keel::fallback(ask_replica)};
    CHECK_THROWS_AS(inside([]() -> int { throw 0; }), int);
    CHECK(n == 4); // as many as that call has attempts
    n = 0;
    retrying around{tries(2)};
    CHECK_THROWS_AS(around([&](const context& c) -> int { return outside(c, []() -> int { throw 0; }); }), int);
    CHECK(n == 1);
}

TEST_CASE("a retry of a retry without a number begins with all of its retries again") {
    struct again_once {
        struct frame {
            bool done = false;
        };
        keel::admission admit(keel::call&, frame& f) const { return f = {}, keel::proceed; }
        keel::verdict settle(keel::call&, frame& f, const keel::outcome& o) const {
            if (o.succeeded() || std::exchange(f.done, true)) return keel::verdict::keep();
            return keel::verdict::again_after(keel::nanos(0));
        }
    };
    using keel::operator|;
    keel::pipeline p{again_once{} | tries(2)};
    retrying inner{tries(9)};
    CHECK(together(p, inner) == 4);
}

TEST_CASE("a chain says how many retries it can make") {
    using keel::detail::any_number_of_retries;
    constexpr auto of = [](const auto& c) { return keel::detail::as_chain(c).retries(); };
    static_assert(of(keel::timeout) == any_number_of_retries);
    static_assert(of(tries(1)) == 0 && of(keel::timeout | tries(7)) == 6);
    static_assert(of(tries(4) | keel::timeout | tries(5)) == 19 && of(tries(2) | tries(2) | tries(2)) == 7);
    constexpr int most = std::numeric_limits<int>::max();
    static_assert(of(tries(most)) == most - 1);
    static_assert(of(tries(most) | tries(most) | tries(most)) == any_number_of_retries - 1);
    static_assert(of(keel::retry_on(keel::schedule{1ms, 2ms})) == 2);
    CHECK(of(keel::retry_on(std::vector{1ms, 2ms, 3ms})) == 3);
}

TEST_CASE("a stop is passed on through contexts of any depth, and copies of them") {
    struct {
        bool raised = false;
        bool stop_requested() const noexcept { return raised; }
    } stop;
    retrying outer{tries(5)}, inner{tries(5)};
    int n = 0;
    static_cast<void>(outer(context(stop), [&](const context& c) {
        const context copy = c;
        return inner(copy, [&](context d) {
            CHECK(!d.stop_requested());
            stop.raised = ++n == 2;
            CHECK(d.stop_requested() == stop.raised);
            return bad();
        });
    }));
    CHECK(n == 2);
}

TEST_CASE("threads that share a context spend no more than it has") {
    for (int round = 0; round < 200; ++round) {
        retrying outer{tries(4)}, inner{tries(4)};
        std::atomic<int> n{0};
        int made = 0;
        static_cast<void>(outer([&](const context& c) {
            ++made;
            std::vector<std::jthread> running;
            for (int t = 0; t < 3; ++t)
                running.emplace_back([&] { static_cast<void>(inner(c, [&] { return ++n, bad(); })); });
            running.clear();
            return bad();
        }));
        // Three calls in each attempt are free; retries are at most three in all.
        CHECK(n <= 3 * made + 3 - (made - 1));
        CHECK(n >= 3 * made);
    }
}

namespace {
/// A call of a pipeline with so many attempts, and what its function does each time: calls `inside`, all of them, and
/// fails unless the latest of them succeeded. Without any it succeeds with the probability `healthy`.
struct nest {
    int attempts; // 0: no retry
    int succeeds_percent;
    std::vector<nest> inside;
};

nest make(std::mt19937_64& random, int depth) {
    nest n{static_cast<int>(random() % 5), static_cast<int>(random() % 100), {}};
    if (depth > 0) {
        for (std::uint64_t i = 1 + random() % 2; i > 0; --i)
            n.inside.push_back(make(random, depth - 1));
    }
    return n;
}

/// By the rule as one says it: a list of what each call around has left.
bool model(const nest& n, std::mt19937_64& random, std::vector<int>& left, std::string& seen) {
    constexpr int unbounded = -1;
    left.push_back(n.attempts == 0 ? unbounded : n.attempts - 1);
    bool ok = false;
    for (int made = 1;; ++made) {
        seen += std::to_string(made);
        ok = static_cast<int>(random() % 100) < n.succeeds_percent;
        for (const nest& each : n.inside) {
            seen += '(';
            ok = model(each, random, left, seen);
            seen += ')';
        }
        if (ok || made >= n.attempts || std::ranges::count(left, 0) != 0) break;
        for (int& each : left)
            each -= each != unbounded;
    }
    left.pop_back();
    return ok;
}

result real(const nest& n, std::mt19937_64& random, const context* outer, std::string& seen) {
    const auto f = [&](const context& c) -> result {
        seen += std::to_string(c.attempt());
        bool ok = static_cast<int>(random() % 100) < n.succeeds_percent;
        for (const nest& each : n.inside) {
            seen += '(';
            ok = real(each, random, &c, seen).has_value();
            seen += ')';
        }
        return ok ? good() : bad();
    };
    keel::manual_clock clock;
    if (n.attempts == 0) {
        keel::pipeline p{keel::timeout(1h), clock};
        return outer != nullptr ? p(*outer, f) : p(f);
    }
    keel::pipeline p{keel::timeout(1h) | tries(n.attempts), clock};
    return outer != nullptr ? p(*outer, f) : p(f);
}
} // namespace

TEST_CASE("random nests of calls make the attempts that the rule allows") {
    const std::uint64_t first = support::first_seed();
    for (std::uint64_t seed = first; seed < first + 20'000; ++seed) {
        INFO("KEEL_SEED=", seed);
        std::mt19937_64 random(seed);
        const nest n = make(random, static_cast<int>(random() % 4));
        std::mt19937_64 of_model(seed), of_real(seed);
        std::string expected, seen;
        std::vector<int> left;
        const bool ok = model(n, of_model, left, expected);
        REQUIRE(real(n, of_real, nullptr, seen).has_value() == ok);
        REQUIRE(seen == expected);
    }
}

namespace {
/// Its sleeps last 1 ms longer than asked, or throw.
struct late_clock {
    keel::manual_clock time;
    bool throws = false;

    keel::time_point now() const noexcept { return time.now(); }
    void sleep_until(keel::time_point t) const {
        time.sleep_until(t + keel::nanos(1ms));
        if (throws) throw 2;
    }
};
} // namespace

TEST_CASE("a retry that is not made after its wait goes back to the calls around it") {
    const auto twice = [](keel::nanos every) {
        return keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = every}});
    };
    for (const bool throws : {false, true}) {
        keel::pipeline outer{twice(1ms), late_clock{}};
        keel::pipeline inner{keel::timeout(10ms) | twice(9500us), late_clock{.time = {}, .throws = throws}};
        int made = 0;
        const auto failing = [&] { ++made, throw 1; };
        CHECK(!outer.attempt([&](const keel::context& c) { inner(c, failing); }));
        CHECK(made == 2);
    }
}
