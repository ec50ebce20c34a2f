// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/naive_retry_budget.hpp"
#include "support/overtaken_atomics.hpp"
#include "support/results.hpp"
#include "support/seed.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using keel::retry_budget;
using support::bad;
using support::good;
using support::result;

namespace {

constinit retry_budget of_static_life{{.max_tokens = 4, .ratio = 0.5}};
constexpr auto at_once = keel::constant{.every = 0ms};
constexpr auto through_it = keel::retry<keel::constant>({.attempts = 3, .backoff = at_once, .budget = &of_static_life});

/// How often a failing function is invoked by a call.
template <class Pipeline>
int attempts(Pipeline& p) {
    int n = 0;
    static_cast<void>(p.attempt([&]() -> int { throw ++n; }));
    return n;
}

/// The slot is what the test says, as if this were any thread.
struct told_slots : keel::std_atomics {
    static inline std::uint32_t mine = no_slot;
    static std::uint32_t slot() noexcept { return mine; }
    static std::uint32_t claim_slot() noexcept { return mine; }
};

} // namespace

TEST_CASE("a retry budget begins full, and tells its tokens and its configuration") {
    const retry_budget b{{.max_tokens = 10, .ratio = 0.2}};
    CHECK(b.tokens() == 10);
    CHECK(b.affords_retry());
    CHECK(b.config().max_tokens == 10);
    CHECK(b.config().ratio == 0.2);
    const retry_budget plain;
    CHECK(plain.tokens() == 100);
    CHECK(plain.config().ratio == 0.1);
}

TEST_CASE("a failure takes one token and a success gives the ratio back, between none and all") {
    retry_budget b{{.max_tokens = 3, .ratio = 0.75}};
    b.success();
    CHECK(b.tokens() == 3);
    b.failure();
    CHECK(b.tokens() == 2);
    b.success();
    CHECK(b.tokens() == 2.75);
    CHECK(b.try_success());
    CHECK(b.tokens() == 3);
    for (int i = 0; i < 10; ++i)
        b.failure();
    CHECK(b.tokens() == 0);
    b.success();
    CHECK(b.tokens() == 0.75);
    b.failure();
    CHECK(b.tokens() == 0); // not below
}

TEST_CASE("a retry is afforded while more than half of the tokens are there, and not at half") {
    retry_budget b{{.max_tokens = 4, .ratio = 0.001}};
    CHECK(b.failure());
    CHECK(b.affords_retry());
    CHECK(!b.failure());
    CHECK(b.tokens() == 2);
    CHECK(!b.affords_retry());
    b.success();
    CHECK(b.tokens() == 2.001);
    CHECK(b.affords_retry());
    retry_budget odd{{.max_tokens = 1, .ratio = 0.5}};
    CHECK(!odd.failure());
    odd.success();
    CHECK(!odd.affords_retry());
    odd.success();
    CHECK(odd.affords_retry());
}

TEST_CASE("a budget that adds up when a failure looks is what it is when each success is added at once") {
    const std::uint64_t first = support::first_seed();
    for (std::uint64_t seed = first; seed < first + 40; ++seed) {
        INFO("KEEL_SEED=", seed);
        std::mt19937_64 random(seed);
        const int most = 1 + static_cast<int>(random() % 1000);
        const auto thousandths = 1 + static_cast<std::int64_t>(random() % (random() % 2 == 0 ? 1'000'000 : 1000));
        const auto b = std::make_unique<retry_budget>(
            keel::retry_budget_config{.max_tokens = most, .ratio = static_cast<double>(thousandths) / 1000});
        support::naive_retry_budget model{.most = most * 1000, .earned = thousandths};
        std::uint64_t failing = random() % 100;
        int refused = 0, afforded = 0;
        for (int i = 0; i < 20'000; ++i) {
            if (random() % 300 == 0) failing = random() % 101;
            if (random() % 100 < failing) {
                const bool may = b->failure();
                REQUIRE_MESSAGE(may == model.failure(), "step " << i);
                ++(may ? afforded : refused);
            } else {
                random() % 4 == 0 ? b->success() : static_cast<void>(b->try_success());
                model.success();
            }
            if (random() % 5 == 0) {
                REQUIRE_MESSAGE(b->tokens() == static_cast<double>(model.tokens) / 1000, "step " << i);
                REQUIRE_MESSAGE(b->affords_retry() == model.affords_retry(), "step " << i);
            }
        }
        CHECK(refused + afforded > 100);
    }
}

TEST_CASE("the count of successes may come round, and what they earn never overflows") {
    using keel::detail::budget_word;
    constexpr keel::retry_budget_config c{.max_tokens = 1000, .ratio = 1000};
    constexpr std::uint64_t round = std::uint64_t{1} << 44, all = std::numeric_limits<std::uint64_t>::max();
    constexpr auto from = [](std::uint64_t seen, std::uint64_t sum, const keel::retry_budget_config& config) {
        return budget_word::of(500'000, seen).after(sum, config).tokens();
    };
    static_assert(from(0, 0, c) == 500'000 && from(7, 7, c) == 500'000);
    static_assert(from(0, 1, c) == 1'000'000 && from(0, round - 1, c) == 1'000'000);
    constexpr keel::retry_budget_config slow{.max_tokens = 1000, .ratio = 0.001};
    static_assert(from(round - 2, round + 3, slow) == 500'005); // across the end of a round
    static_assert(from(all - 1, all + 5, slow) == 500'006);     // across the end of the sum
    static_assert(from(0, round, slow) == 500'000);             // a whole round is not seen
    static_assert(from(5, round * 3 + 5 + 9, slow) == 500'009);
    static_assert(from(0, 600'000, slow) == 1'000'000);
    CHECK(budget_word::of(0, round - 1).after(round + 1, c).bits == budget_word::of(1'000'000, 1).bits);
}

TEST_CASE("a thread without a shard can't count on the healthy path, and is counted off it") {
    keel::basic_retry_budget<2, told_slots> b{{.max_tokens = 10, .ratio = 1}};
    b.failure(), b.failure(), b.failure();
    told_slots::mine = told_slots::no_slot;
    CHECK(!b.try_success());
    CHECK(b.tokens() == 7);
    b.success();
    CHECK(b.tokens() == 8);
    told_slots::mine = 1;
    CHECK(b.try_success());
    CHECK(b.tokens() == 9);
    told_slots::mine = told_slots::no_slot;
}

TEST_CASE("what threads do to a budget at once is all in it") {
    constexpr int threads = 4, each = 20'000;
    retry_budget b{{.max_tokens = 1000, .ratio = 0.001}};
    for (int i = 0; i < 900; ++i)
        b.failure();
    {
        std::vector<std::jthread> running;
        for (int t = 0; t < threads; ++t) {
            running.emplace_back([&, t] {
                for (int i = 0; i < each; ++i) {
                    b.success();
                    if (i % 2000 == t) b.failure();
                }
            });
        }
    }
    CHECK(b.tokens() == 100 + threads * each / 1000 - threads * 10);
}

TEST_CASE("retry makes no retry that its budget does not afford, though it has attempts left") {
    retry_budget b{{.max_tokens = 4, .ratio = 0.5}};
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 5, .backoff = {.every = 10ms}, .budget = &b}), clock};
    CHECK(attempts(p) == 2); // 3 tokens after the first, 2 after the second
    CHECK(clock.now() == keel::time_point(10ms));
    CHECK(attempts(p) == 1);
    CHECK(b.tokens() == 1);
    for (int i = 0; i < 5; ++i)
        CHECK(p([] { return 1; }) == 1);
    CHECK(b.tokens() == 3.5);
    CHECK(attempts(p) == 2);
}

TEST_CASE("the last attempt takes its token too, and what one attempt throws away another pipeline has not") {
    retry_budget b{{.max_tokens = 20, .ratio = 0.5}};
    keel::pipeline one{keel::retry<keel::constant>({.attempts = 3, .backoff = at_once, .budget = &b})};
    keel::pipeline other{keel::timeout(1h) |
                         keel::retry<keel::exp_jitter>({.attempts = 1, .when_open = true, .budget = &b})};
    CHECK(attempts(one) == 3);
    CHECK(b.tokens() == 17);
    CHECK(attempts(other) == 1);
    CHECK(b.tokens() == 16);
    CHECK(other([] { return 1; }) == 1);
    CHECK(b.tokens() == 16.5);
}

TEST_CASE("a budget of static storage can be in the chain of a static pipeline, and outlives it") {
    keel::static_pipeline<keel::timeout(1s) | through_it, keel::manual_clock> p;
    keel::pipeline q{through_it};
    CHECK(attempts(p) == 2);
    CHECK(of_static_life.tokens() == 2);
    CHECK(attempts(q) == 1);
    CHECK(of_static_life.tokens() == 1);
    for (int i = 0; i < 10; ++i)
        CHECK(p([] { return 1; }) == 1);
    CHECK(of_static_life.tokens() == 4);
}

TEST_CASE("no budget is one that is null") {
    retry_budget* none = nullptr;
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 4, .budget = none}), clock};
    for (int i = 0; i < 100; ++i)
        CHECK(attempts(p) == 4);
    CHECK(p([] { return 1; }) == 1);
}

TEST_CASE("a retry that is budgeted has a budget of its own in each pipeline") {
    constexpr auto own = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 0ms}})
                             .budgeted({.max_tokens = 4, .ratio = 0.5});
    keel::pipeline p{own};
    keel::static_pipeline<own> q;
    CHECK(attempts(p) == 2);
    CHECK(attempts(p) == 1);
    CHECK(p.state<0>().budget.tokens() == 1);
    CHECK(q.state<0>().budget.tokens() == 4);
    CHECK(attempts(q) == 2);
    CHECK(keel::retry<>.budgeted().budget.config.max_tokens == 100);
    CHECK(keel::retry<>.budgeted().budget.config.ratio == 0.1);
}

TEST_CASE("selectors say what takes a token and what earns, before or after the budget is named") {
    constexpr auto is_low = [](int v) { return v < 10; };
    const auto test = [](const auto& policy) {
        keel::pipeline p{policy};
        auto& b = p.template state<0>().budget;
        const auto throwing = [](auto e) { return [e]() -> int { throw e; }; };
        const auto check = [&](auto f, double tokens) {
            static_cast<void>(p.attempt(f));
            CHECK(b.tokens() == tokens);
        };
        check([] { return 9; }, 18);                     // two attempts
        check([] { return 10; }, 18.5);                  // earns
        check(throwing(std::runtime_error("x")), 16.5);  // two attempts
        check(throwing(std::range_error("x")), 16.5);    // ignored
        check(throwing(std::invalid_argument("x")), 17); // told that it is no failure
    };
    constexpr keel::retry_budget_config twenty{.max_tokens = 20, .ratio = 0.5};
    constexpr auto twice = keel::retry<keel::constant>({.attempts = 2, .backoff = at_once});
    test(twice.failing_if(is_low).failing_on<std::runtime_error>().ignoring<std::range_error>().budgeted(twenty));
    test(twice.budgeted(twenty).failing_if(is_low).failing_on<std::runtime_error>().ignoring<std::range_error>());
}

TEST_CASE("a rejection neither takes a token nor earns, but for one that is about the callee") {
    keel::manual_clock clock;
    retry_budget b{{.max_tokens = 20, .ratio = 1}};
    b.failure();
    const auto thrice =
        keel::retry<keel::constant>({.attempts = 3, .backoff = at_once, .when_open = true, .budget = &b});
    keel::pipeline opened{thrice | keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}), clock};
    opened.circuit().force_open();
    CHECK(opened([] { return good(); }).error() == keel::errc::circuit_open);
    CHECK(b.tokens() == 19);
    keel::pipeline late{thrice | keel::timeout(10ms), clock};
    CHECK(late([&] { return clock.advance(11ms), good(); }).error() == keel::errc::timed_out);
    CHECK(b.tokens() == 16);
    // A budget that is used up does without the retries of what it does not count.
    while (b.affords_retry())
        b.failure();
    int asked = 0;
    keel::pipeline refusing{thrice | keel::breaker<>, clock};
    refusing.circuit().force_open();
    static_cast<void>(refusing.attempt([&] { return ++asked; }));
    CHECK(refusing.circuit().stats().totals.rejected == 1);
}

TEST_CASE("a budget counts a success once, whatever becomes of it further out") {
    keel::manual_clock clock;
    retry_budget b{{.max_tokens = 20, .ratio = 1}};
    for (int i = 0; i < 8; ++i)
        b.failure();
    keel::pipeline p{
        keel::timeout(10ms) | keel::retry<keel::constant>({.attempts = 2, .backoff = at_once, .budget = &b}), clock};
    CHECK(p([&] { return clock.advance(11ms), good(); }).error() == keel::errc::timed_out);
    CHECK(b.tokens() == 13);
    int n = 0;
    CHECK(p([&] { return ++n == 1 ? bad() : good(); }).has_value());
    CHECK(n == 2);
    CHECK(b.tokens() == 13);
}

TEST_CASE("a predicate that throws takes nothing from a budget") {
    retry_budget b{{.max_tokens = 20, .ratio = 1}};
    keel::pipeline p{keel::retry<keel::constant>({.budget = &b}).failing_if([](int v) {
        return v == 0 ? throw std::logic_error("predicate") : false;
    })};
    CHECK_THROWS_AS(p([] { return 0; }), std::logic_error);
    CHECK(b.tokens() == 20);
}

TEST_CASE("a budget works for each kind of result") {
    retry_budget b{{.max_tokens = 100, .ratio = 0.5}};
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 2, .backoff = at_once, .budget = &b})};
    enum class mistake { one };
    int target = 0, n = 0;
    const auto widened = p([&]() -> std::expected<int, mistake> { return ++n, std::unexpected(mistake::one); });
    CHECK(*widened.error().error() == mistake::one);
    CHECK(p([&] { return ++n, std::make_error_code(std::errc::io_error); }) == std::errc::io_error);
    CHECK_THROWS_AS(p([&] { throw ++n; }), int);
    CHECK_THROWS_AS(p([&]() -> int& { throw ++n; }), int);
    CHECK(n == 8);
    CHECK(b.tokens() == 92);
    CHECK(&p([&]() -> int& { return target; }) == &target);
    p([] {});
    CHECK(p([] { return std::error_code(); }) == std::error_code());
    CHECK(p([]() -> std::expected<void, mistake> { return {}; }).has_value());
    CHECK(b.tokens() == 94);
}

TEST_CASE("the lanes agree on a budget") {
    constexpr auto own = keel::retry<keel::constant>({.attempts = 3, .backoff = at_once})
                             .budgeted({.max_tokens = 6, .ratio = 0.3})
                             .failing_if([](int v) { return v == 0; });
    keel::pipeline express{own};
    keel::pipeline cold{support::cold_only<std::remove_const_t<decltype(own)>>{own}};
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        INFO("seed ", seed);
        std::mt19937_64 random(seed);
        const std::uint64_t failing = random() % 60;
        for (int i = 0; i < 500; ++i) {
            const std::uint64_t bits = random();
            const auto run = [&](auto& p) {
                int n = 0;
                const auto r = p([&]() -> result {
                    const std::uint64_t mine = bits >> (8 * n++);
                    if (mine % 64 >= failing) return mine % 2 == 0 ? good() : result(7);
                    return mine % 2 == 0 ? bad() : result(0);
                });
                return std::to_string(n) + (r ? " value" : " error") +
                       std::to_string(p.template state<0>().budget.tokens());
            };
            REQUIRE(run(express) == run(cold));
        }
    }
}

TEST_CASE("a budget refuses what gRPC's would refuse, and names it") {
    using config = keel::retry_budget_config;
    const auto refused = [](config c) { return c.validate().field != nullptr ? std::string(c.validate().field) : ""; };
    for (const int tokens : {0, -1, 1001})
        CHECK(refused({.max_tokens = tokens}) == "max_tokens");
    for (const double ratio : {0.0, -0.1, 0.0001, 0.1001, 0.12345, 1000.001, std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()})
        CHECK(refused({.ratio = ratio}) == "ratio");
    for (const double ratio : {0.001, 0.1, 0.3, 0.7, 0.999, 1.0, 2.345, 999.999, 1000.0})
        CHECK(refused({.ratio = ratio}) == "");
    for (int i = 1; i <= 1'000'000; ++i)
        REQUIRE(config{.ratio = i / 1000.0}.earned() == static_cast<std::uint64_t>(i));
    CHECK_THROWS_WITH_AS(retry_budget({.max_tokens = 0}),
                         "keel: retry_budget.max_tokens = 0: must be at least 1 and at most 1000",
                         keel::invalid_config);
    CHECK_THROWS_WITH_AS(keel::retry<>.budgeted({.ratio = 0.0625}),
                         "keel: retry_budget.ratio = 0.0625: must be above 0 and at most 1000, with at most 3 decimals",
                         keel::invalid_config);
    CHECK_THROWS_WITH_AS(keel::retry<>({.attempts = 0, .budget = &of_static_life}),
                         "keel: retry.attempts = 0: must be at least 1", keel::invalid_config);
}

// Who has no budget does not pay for one: the policy is of another type, and has no state.
static_assert(std::is_same_v<decltype(keel::retry<>({.attempts = 5})), keel::retry_policy<>>);
static_assert(std::is_same_v<decltype(keel::retry<>({})), keel::retry_policy<>>);
static_assert(!std::is_same_v<decltype(keel::retry<>({.budget = nullptr})), keel::retry_policy<>>);
static_assert(!std::is_copy_constructible_v<retry_budget> && !std::is_move_constructible_v<retry_budget>);

TEST_CASE("of two failures that are told at once, both are paid for") {
    keel::basic_retry_budget<2, support::overtaken_atomics<support::exchanges::weak>> budget{
        {.max_tokens = 4, .ratio = 0.5}};
    support::meanwhile = [&] { CHECK(budget.failure()); };
    CHECK(!budget.failure());
    CHECK(!support::meanwhile);
    CHECK(budget.tokens() == 2);
}

TEST_CASE("a retry tells whether it has a budget") {
    auto of_its_own = keel::retry<keel::constant>({.attempts = 3}).budgeted({.max_tokens = 4});
    auto shared = through_it;
    retry_budget* const none = nullptr;
    auto without = keel::retry<keel::constant>({.attempts = 3, .budget = none});
    CHECK(of_its_own.facts().has_budget);
    CHECK(shared.facts().has_budget);
    CHECK(!without.facts().has_budget);
    CHECK(shared.facts().attempts == 3);
}
