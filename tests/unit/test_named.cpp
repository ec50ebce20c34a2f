// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

namespace {
constexpr auto row_of = [](int failures) {
    return keel::breaker<keel::consecutive_failures>({.window = {.failures = failures}});
};
} // namespace

TEST_CASE("a policy with a name does what it does without") {
    keel::manual_clock clock;
    keel::pipeline p{keel::named<"whole">(keel::timeout(1s)) |
                         keel::named<"again">(keel::retry<keel::constant>({.attempts = 3})) |
                         keel::named<"guard">(row_of(3)),
                     clock};
    int n = 0;
    CHECK(p([&] { return ++n < 3 ? throw 1 : n; }) == 3);
    CHECK(p.attempt([&] { return clock.advance(2s), 1; }).error() == keel::errc::timed_out);
    CHECK(!p.attempt([]() -> int { throw 1; }));
    CHECK(p.attempt([] { return 1; }).error() == keel::errc::circuit_open);
}

TEST_CASE("a pipeline finds its circuits by their names, wherever they stand") {
    keel::manual_clock clock;
    keel::pipeline p{row_of(2) | keel::named<"payments">(row_of(3)) | keel::named<"ledger">(row_of(4)), clock};
    CHECK(&p.get<"payments">() == &p.circuit<1>());
    CHECK(&p.get<"ledger">() == &p.circuit<2>());
    CHECK(p.get<"ledger">().config().window.failures == 4);
}

TEST_CASE("names are the same if all their letters are") {
    using keel::detail::literal;
    CHECK(literal("abc") == literal("abc"));
    CHECK(!(literal("abc") == literal("abd")));
    CHECK(!(literal("abc") == literal("ab")));
    CHECK(!(literal("") == literal("a")));
}
