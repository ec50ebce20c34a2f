// SPDX-License-Identifier: BSL-1.0
#include <keel/breaker.hpp>
#include <keel/retry.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>

using keel::ending;

namespace {
template <class Policy>
ending ends(const Policy& p, int value) {
    keel::outcome_of<int> o;
    o.emplace([&] { return value; });
    return p.results(o);
}
template <class Policy, class E>
ending ends_with(const Policy& p, E e) {
    keel::outcome_of<int> o;
    o.threw(std::make_exception_ptr(e));
    return p.results(o);
}
constexpr auto is_zero = [](int v) { return v == 0; };
constexpr auto is_one = [](int v) { return v == 1; };
} // namespace

TEST_CASE_TEMPLATE("a policy is told by four calls which results count", P, keel::retry_policy<>,
                   keel::breaker_policy<>) {
    const auto p = P{}.failing_if(is_zero)
                       .template failing_on<std::runtime_error, int>()
                       .ignoring_if(is_one)
                       .template ignoring<std::range_error>();
    CHECK(ends(p, 0) == ending::failed);
    CHECK(ends(p, 1) == ending::ignored);
    CHECK(ends(p, 2) == ending::succeeded);
    CHECK(ends_with(p, std::runtime_error("x")) == ending::failed);
    CHECK(ends_with(p, 1) == ending::failed);
    CHECK(ends_with(p, std::range_error("x")) == ending::ignored);
    CHECK(ends_with(p, std::logic_error("x")) == ending::succeeded);
}

TEST_CASE_TEMPLATE("telling a policy changes a copy of it", P, keel::retry_policy<>, keel::breaker_policy<>) {
    const P p{};
    CHECK(ends(p.failing_if(is_zero), 0) == ending::failed);
    CHECK(ends(p, 0) == ending::succeeded);
}

TEST_CASE("telling and configuring a policy keep each other, in either order") {
    const auto retry = keel::retry<>.failing_if(is_zero)({.attempts = 7});
    CHECK(retry.config.attempts == 7);
    CHECK(ends(retry, 0) == ending::failed);
    CHECK(keel::retry<>({.attempts = 7}).failing_if(is_zero).config.attempts == 7);
    const auto breaker = keel::breaker<>.ignoring_if(is_zero)({.minimum_calls = 7});
    CHECK(breaker.config.minimum_calls == 7);
    CHECK(ends(breaker, 0) == ending::ignored);
    CHECK(keel::breaker<>({.minimum_calls = 7}).ignoring_if(is_zero).config.minimum_calls == 7);
}
