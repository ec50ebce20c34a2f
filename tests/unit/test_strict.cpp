// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/backoff/decorrelated_jitter.hpp>
#include <keel/backoff/equal_jitter.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/limit.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/strict.hpp>
#include <keel/through.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using namespace keel;

namespace {
/// What `strict` says of a chain that is built at run time; empty if nothing.
template <class C>
std::string said_of(const C& chain) {
    try {
        static_cast<void>(strict(chain));
        return {};
    } catch (const invalid_config& e) {
        return e.what();
    }
}

struct opaque {
    admission admit(call&, auto&) const { return proceed; }
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
};
struct budgeted : opaque {
    constexpr policy_facts facts() const noexcept { return {.name = "retry", .attempts = 3, .has_budget = true}; }
};
} // namespace

TEST_CASE("strict gives a chain back in which nothing is usually wrong") {
    constexpr auto chain = strict(timeout(1s) | retry<exp_jitter> | breaker<> | timeout(100ms));
    static_assert(chain.size == 4);
    static_assert(chain.get<0>().config.after == 1s && chain.get<3>().config.after == 100ms);
    static_assert(strict(breaker<>).size == 1);
    CHECK(said_of(chain).empty());
    CHECK(said_of(breaker<> | retry<>).empty());
    CHECK(said_of(opaque{} | opaque{}).empty());
}

TEST_CASE("strict refuses retries in retries, and says how many attempts they make") {
    CHECK(said_of(retry<>({.attempts = 4}) | timeout | retry<> | breaker<>) ==
          "keel: retry.attempts = 12: attempts in all, for nested retries and hedges multiply: keep one of them");
    CHECK(said_of(retry<>({.attempts = 1}) | retry<> | breaker<>).empty());
}

TEST_CASE("strict refuses a timeout that is not shorter than one around it") {
    CHECK(said_of(timeout(20ms) | breaker<> | timeout(20ms)) ==
          "keel: timeout.after = 20000000: never takes effect: must be shorter than the timeout around it");
    CHECK(said_of(timeout(20ms) | timeout(19ms)).empty());
    CHECK(!said_of(timeout(20ms) | timeout(19ms) | timeout(1h)).empty());
}

TEST_CASE("strict refuses a backoff without jitter") {
    CHECK(said_of(retry<constant>({.attempts = 3, .backoff = {.every = 5ms}}) | breaker<>) ==
          "keel: retry.backoff = 10000000: has no jitter, so clients that fail together retry together: use "
          "exp_jitter");
    CHECK(said_of(retry<decorrelated_jitter> | breaker<>).empty());
    CHECK(said_of(retry<equal_jitter> | breaker<>).empty());
    CHECK(said_of(retry<constant>({.attempts = 1}) | breaker<>).empty());
    CHECK(said_of(retry_on(schedule{5ms}) | breaker<>).empty()); // nobody knows how its delays were made
}

TEST_CASE("strict refuses a permit that is held while a retry inside it waits") {
    CHECK(said_of(bulkhead({.permits = 8}) | timeout | retry<>({.attempts = 5}) | breaker<>) ==
          "keel: bulkhead.permits = 5: attempts in one permit, which is held through the waits: write it to the right "
          "of the retry");
    CHECK(said_of(limit<> | retry<>({.attempts = 2}) | breaker<>) ==
          "keel: limit.permits = 2: attempts in one permit, which is held through the waits: write it to the right of "
          "the retry");
    CHECK(said_of(retry<> | bulkhead({.permits = 8}) | limit<> | breaker<>).empty());
    CHECK(said_of(bulkhead({.permits = 8}) | retry<>({.attempts = 1}) | breaker<>).empty());
}

TEST_CASE("strict refuses retries with neither a budget nor a breaker") {
    CHECK(said_of(timeout | retry<>) ==
          "keel: retry.attempts = 3: attempts with neither a budget nor a breaker can storm the callee: add one of "
          "them");
    CHECK(said_of(timeout | budgeted{}).empty());
    static retry_budget budget;
    CHECK(said_of(timeout | retry<>({.budget = &budget})).empty());
    CHECK(said_of(timeout | retry<>.budgeted()).empty());
    CHECK(!said_of(timeout | retry<>({.budget = nullptr})).empty());
    keel::circuit<> shared;
    CHECK(said_of(retry<> | through(shared)).empty());
}
