// SPDX-License-Identifier: BSL-1.0
#include "support/config_message.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/explain.hpp>
#include <keel/fallback.hpp>
#include <keel/hedge.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/strict.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <string>

using namespace std::chrono_literals;
using keel::hedge;
using keel::hedge_config;
using keel::nanos;

namespace {

std::string said_of(const hedge_config& c) {
    return support::config_message([&] { static_cast<void>(hedge(c)); });
}
template <class C>
std::string lint_of(const C& chain) {
    return support::config_message([&] { static_cast<void>(keel::strict(chain)); });
}
std::string text_of(const auto& chain) { return std::string(keel::explain(chain).text()); }

template <class A, class B>
concept joinable = requires(const A& a, const B& b) { a | b; };

constinit keel::retry_budget shared_budget;

} // namespace

TEST_CASE("a hedge's fields out of range are refused by name, value and range") {
    CHECK(said_of({.delay = nanos(-1)}) == "keel: hedge.delay = -1: must be at least 0 and at most 100 years");
    CHECK(said_of({.delay = nanos(keel::longest.count + 1)}).starts_with("keel: hedge.delay = "));
    CHECK(said_of({.percentile = 1}) == "keel: hedge.percentile = 1: must be at least 0 and below 1");
    CHECK(said_of({.percentile = -0.5}) == "keel: hedge.percentile = -0.5: must be at least 0 and below 1");
    CHECK(said_of({.percentile = std::numeric_limits<double>::quiet_NaN()}).starts_with("keel: hedge.percentile = "));
    CHECK(said_of({.percentile = 95}) == "keel: hedge.percentile = 95: must be at least 0 and below 1");
    CHECK(said_of({.extra = 0}) == "keel: hedge.extra = 0: must be at least 1 and at most 16");
    CHECK(said_of({.extra = 17}) == "keel: hedge.extra = 17: must be at least 1 and at most 16");
    CHECK(said_of({.extra = -1}) == "keel: hedge.extra = -1: must be at least 1 and at most 16");
    CHECK(said_of({}) == "accepted");
    CHECK(said_of({.delay = 0ms, .percentile = 0.999, .extra = 16}) == "accepted");
    CHECK(said_of({.delay = keel::longest, .extra = 1, .budget = &shared_budget}) == "accepted");
}

TEST_CASE("a pipeline with a hedge that is out of range is refused as well") {
    const keel::hedge_policy wrong{{.extra = 20}};
    CHECK(support::config_message([&] { keel::pipeline p{wrong}; }) ==
          "keel: hedge.extra = 20: must be at least 1 and at most 16");
}

TEST_CASE("a hedge may be a template argument, with a budget of static storage too") {
    keel::static_pipeline<keel::timeout(1s) | keel::named<"h">(hedge({.delay = 5ms, .budget = &shared_budget}))> p;
    CHECK(p.get<"h">().started() == 0);
    CHECK(p.get<"h">().won() == 0);
    CHECK(p.get<"h">().percentile() < nanos(0));
}

TEST_CASE("explain counts the attempts of a hedge, and their time as far as they overlap") {
    CHECK(text_of(keel::timeout(1s) | hedge({.delay = 50ms, .extra = 2}) | keel::breaker<>) ==
          "timeout: bounds all that is inside, 1 s\n"
          "  hedge: runs what takes long again beside it, up to 3 times\n"
          "    breaker: refuses while its circuit is open\n"
          "      your function\n"
          "at most 3 attempts in 1 s; may be refused: timed out, circuit open\n");
    constexpr auto overlapping = keel::explain(hedge({.delay = 50ms, .extra = 2}) | keel::timeout(1s));
    static_assert(overlapping.attempts == 3 && overlapping.duration == nanos(1100ms));
    constexpr auto one_by_one = keel::explain(hedge({.delay = 2s, .extra = 2}) | keel::timeout(1s));
    static_assert(one_by_one.duration == nanos(3s));
    constexpr auto unknown = keel::explain(hedge({.delay = 1ms, .percentile = 0.9, .extra = 2}) | keel::timeout(1s));
    static_assert(unknown.duration == nanos(3s));
    CHECK(text_of(hedge({.delay = 1ms, .percentile = 0.9, .extra = 2}) | keel::timeout(1s))
              .ends_with("at most 3 attempts in 3 s; may be refused: timed out\n"));
    static_assert(keel::explain(hedge({.delay = 1ms})).duration == nanos::max());
    static_assert(keel::explain(hedge({.extra = 2}) | keel::retry<>({.attempts = 4})).attempts == 12);
}

TEST_CASE("strict wants a budget or a breaker of a hedge") {
    CHECK(lint_of(hedge({.extra = 3})) == "keel: hedge.attempts = 4: attempts with neither a budget nor a breaker can "
                                          "storm the callee: add one of them");
    CHECK(lint_of(hedge | keel::breaker<>) == "accepted");
    CHECK(lint_of(keel::breaker<> | hedge) == "accepted");
    CHECK(lint_of(hedge({.budget = &shared_budget})) == "accepted");
    static_assert(keel::strict(keel::timeout(1s) | hedge({.delay = 50ms}) | keel::breaker<>).size == 3);
}

TEST_CASE("strict refuses a hedge around a retry, or the other way round, whose attempts multiply") {
    CHECK(lint_of(hedge({.extra = 2}) | keel::retry<> | keel::breaker<>) ==
          "keel: retry.attempts = 9: attempts in all, for nested retries and hedges multiply: keep one of them");
    CHECK(lint_of(keel::retry<>({.attempts = 2}) | hedge | keel::breaker<>) ==
          "keel: hedge.attempts = 4: attempts in all, for nested retries and hedges multiply: keep one of them");
}

TEST_CASE("strict refuses one permit for all attempts of a hedge") {
    CHECK(lint_of(keel::bulkhead | hedge({.extra = 3}) | keel::breaker<>) ==
          "keel: bulkhead.permits = 4: attempts in one permit, perhaps at the same time: write it to the right of the "
          "hedge");
    CHECK(lint_of(hedge | keel::bulkhead | keel::breaker<>) == "accepted");
}

TEST_CASE("a hedge fails no more than what is inside it, so a fallback for everything in it leaves a retry nothing") {
    using hedged_fallback = decltype(hedge | keel::fallback(1));
    static_assert(joinable<keel::hedge_policy, decltype(keel::fallback(1))>);
    static_assert(!joinable<decltype(keel::retry<>), hedged_fallback>);
    static_assert(joinable<decltype(keel::fallback(1)), decltype(keel::retry<> | hedge)>);
}
