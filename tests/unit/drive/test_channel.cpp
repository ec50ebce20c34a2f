// SPDX-License-Identifier: BSL-1.0
#include "support/look_alike.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <expected>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <variant>

using namespace std::chrono_literals;
using keel::errc;

namespace {
struct own_error {
    int code;
};
/// A pipeline whose only policy can reject, and a clock to make it do so.
struct guarded {
    keel::manual_clock clock{};
    keel::static_pipeline<keel::timeout(1s), keel::manual_clock> p{clock};

    /// A function that is in time, or too late.
    template <class R>
    auto returning(R r, bool late) {
        return [this, r, late]() -> R {
            if (late) clock.advance(2s);
            return r;
        };
    }
};
constexpr auto card = keel::timeout | keel::retry<keel::constant> | keel::breaker<>;
} // namespace

TEST_CASE("a plain result is returned; a rejection and an exception are thrown") {
    guarded g;
    CHECK(g.p(g.returning(5, false)) == 5);
    CHECK_THROWS_AS(g.p(g.returning(5, true)), keel::rejected);
    CHECK_THROWS_AS(g.p([]() -> int { throw std::logic_error("x"); }), std::logic_error);
    CHECK_THROWS_AS(g.p([&] { g.clock.advance(2s); }), keel::rejected);
    int here = 0;
    CHECK(&g.p([&]() -> int& { return here; }) == &here);
    CHECK_THROWS_AS(g.p([&]() -> int& { return g.clock.advance(2s), here; }), keel::rejected);
    CHECK(*g.p([] { return std::make_unique<int>(7); }) == 7);
    int&& moved = g.p([&]() -> int&& { return std::move(here); });
    CHECK(&moved == &here);
}

TEST_CASE("an expected that can hold a rejection comes back as its own type") {
    guarded g;
    using expected = std::expected<int, std::error_code>;
    CHECK(g.p(g.returning(expected(5), false)) == 5);
    CHECK(g.p(g.returning(expected(5), true)).error() == errc::timed_out);
    const auto io = std::make_error_code(std::errc::io_error);
    CHECK(g.p(g.returning(expected(std::unexpect, io), false)).error() == io);
    using nothing = std::expected<void, std::error_code>;
    CHECK(g.p(g.returning(nothing(), false)).has_value());
    CHECK(g.p(g.returning(nothing(), true)).error() == errc::timed_out);
    using bare = std::expected<int, errc>;
    CHECK(g.p(g.returning(bare(5), true)).error() == errc::timed_out);
    CHECK_THROWS_AS(g.p([]() -> expected { throw std::logic_error("x"); }), std::logic_error);
}

TEST_CASE("an error code comes back as one") {
    guarded g;
    CHECK(g.p(g.returning(std::error_code(), false)) == std::error_code());
    CHECK(g.p(g.returning(std::error_code(), true)) == errc::timed_out);
    CHECK(g.p([] { return std::make_error_code(std::errc::io_error); }) == std::errc::io_error);
}

TEST_CASE("any type of the shape of expected is treated as one") {
    guarded g;
    using look_alike = support::look_alike<int, std::error_code>;
    CHECK(*g.p(g.returning(look_alike(5), false)) == 5);
    CHECK(g.p(g.returning(look_alike(5), true)).error() == errc::timed_out);
    using plain = support::plain_look_alike<int, std::error_code>;
    CHECK(*g.p(g.returning(plain(5), false)) == 5);
    CHECK(g.p(g.returning(plain(5), true)).error() == errc::timed_out);
    CHECK(*g.p(g.returning(support::look_alike<int, own_error>(5), false)) == 5);
}

TEST_CASE("an expected that can't hold a rejection is widened by the rejections of this chain") {
    guarded g;
    using expected = std::expected<int, own_error>;
    CHECK(g.p(g.returning(expected(5), false)) == 5);
    const auto failed = g.p(g.returning(expected(std::unexpect, own_error{4}), false));
    CHECK(failed.error().error()->code == 4);
    CHECK(!failed.error().is_rejection());
    const auto late = g.p(g.returning(expected(5), true));
    CHECK(late.error().reason() == errc::timed_out);
    CHECK(std::holds_alternative<keel::timed_out>(late.error()));
    using nothing = std::expected<void, own_error>;
    CHECK(g.p(g.returning(nothing(), false)).has_value());
    CHECK(g.p(g.returning(nothing(), true)).error().reason() == errc::timed_out);
    using only_moved = std::expected<std::unique_ptr<int>, std::unique_ptr<std::string>>;
    CHECK(**g.p([]() -> only_moved { return std::make_unique<int>(7); }) == 7);
    CHECK(**g.p([]() -> only_moved { return std::unexpected(std::make_unique<std::string>("x")); }).error().error() ==
          "x");
}

TEST_CASE("attempt tells values, errors, exceptions and rejections apart and throws nothing") {
    guarded g;
    CHECK(g.p.attempt(g.returning(5, false)) == 5);
    CHECK(g.p.attempt(g.returning(5, true)).error() == errc::timed_out);
    const auto thrown = g.p.attempt([]() -> int { throw std::logic_error("x"); });
    CHECK(!thrown.error().is_rejection());
    CHECK_THROWS_AS(thrown.error().raise(), std::logic_error);
    CHECK(g.p.attempt([] {}).has_value());
    CHECK(g.p.attempt([&] { g.clock.advance(2s); }).error() == errc::timed_out);
    int here = 0;
    CHECK(g.p.attempt([&]() -> int& { return here; }).value() == &here);
    CHECK(**g.p.attempt([] { return std::make_unique<int>(7); }) == 7);
}

TEST_CASE("attempt reports what a policy's predicate throws as it reports what the function throws") {
    keel::manual_clock clock;
    keel::pipeline p{
        keel::retry<keel::constant>.failing_if([](int v) { return v == 0 ? throw std::logic_error("x") : false; }),
        clock};
    CHECK_THROWS_AS(p.attempt([] { return 0; }).error().raise(), std::logic_error);
    CHECK(p.attempt([] { return 1; }) == 1);
    int n = 0;
    CHECK_THROWS_AS(p.attempt([&]() -> int& { return n; }).error().raise(), std::logic_error);
}

TEST_CASE("attempt keeps the function's own error beside the rejections") {
    guarded g;
    using expected = std::expected<int, own_error>;
    CHECK(g.p.attempt(g.returning(expected(5), false)).value() == 5);
    CHECK(g.p.attempt(g.returning(expected(std::unexpect, own_error{3}), false)).error().error()->code == 3);
    CHECK(g.p.attempt(g.returning(expected(5), true)).error() == errc::timed_out);
    CHECK(g.p.attempt([]() -> expected { throw std::logic_error("x"); }).error().exception() != nullptr);
    CHECK(g.p.attempt([]() -> std::expected<void, own_error> { return {}; }).has_value());
    CHECK(g.p.attempt([] { return std::error_code(); }).has_value());
    CHECK(*g.p.attempt([] { return std::make_error_code(std::errc::io_error); }).error().error() ==
          std::errc::io_error);
    CHECK(g.p.attempt(g.returning(std::error_code(), true)).error() == errc::timed_out);
}

TEST_CASE("attempt tells a rejection from an error of the same type") {
    guarded g;
    const auto late = g.p.attempt(g.returning(std::expected<int, errc>(5), true));
    CHECK(late.error().is_rejection());
    CHECK(late.error() == errc::timed_out);
    CHECK(late.error().error() == nullptr);
    const auto thrown = g.p.attempt([]() -> std::expected<int, std::exception_ptr> { throw 1; });
    CHECK(thrown.error().exception() != nullptr);
    CHECK(thrown.error().error() == nullptr);
}

TEST_CASE("a selector for pointers sees the pointer that a function returns") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>.failing_if([](const int* v) { return v == nullptr; }), clock};
    int n = 0;
    const int there = 1;
    p([&] { return ++n == 1 ? nullptr : &there; });
    CHECK(n == 2);
}

TEST_CASE("a selector sees what a returned reference refers to, in attempt too") {
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>.failing_if([](int v) { return v == 0; }), clock};
    int values[] = {0, 1}, n = 0;
    const auto next = [&]() -> int& { return values[n++]; };
    CHECK(p(next) == 1);
    CHECK(n == 2);
    n = 0;
    CHECK(*p.attempt(next).value() == 1);
    CHECK(n == 2);
}

TEST_CASE("every channel comes through the whole chain, off the express lane too") {
    keel::manual_clock clock;
    keel::pipeline p{card, clock};
    int n = 0;
    CHECK(p([&] { return ++n % 2 == 1 ? throw 1 : n; }) == 2);
    CHECK(*p([&] { return ++n % 2 == 1 ? throw 1 : std::make_unique<int>(n); }) == 4);
    CHECK(p([&]() -> std::expected<int, own_error> {
              if (++n % 2 == 1) return std::unexpected(own_error{n});
              return n;
          }) == 6);
    CHECK(p([&] { return ++n % 2 == 1 ? std::make_error_code(std::errc::io_error) : std::error_code(); }) ==
          std::error_code());
    CHECK(p.attempt([&] { return ++n % 2 == 1 ? throw 1 : n; }) == 10);
    p([&] { ++n % 2 == 1 ? throw 1 : 0; });
    CHECK(&p([&]() -> int& { return ++n % 2 == 1 ? throw 1 : n; }) == &n);
    CHECK(n == 14);
}

TEST_CASE("a value is built where it is returned and not moved on the healthy path") {
    struct counted {
        int* moves;
        explicit counted(int* m)
          : moves(m) {}
        counted(counted&& o) noexcept
          : moves(o.moves) {
            ++*moves;
        }
        counted& operator=(counted&&) = default;
    };
    int moves = 0;
    keel::pipeline p{card};
    for (int i = 0; i < 30; ++i)
        p([] {});
    const counted c = p([&] { return counted(&moves); });
    CHECK(c.moves == &moves);
    CHECK(moves == 0);
}

TEST_CASE("a result without assignment is replaced all the same") {
    struct stubborn {
        const int n;
    };
    keel::manual_clock clock;
    int n = 0;
    keel::pipeline p{keel::retry<keel::constant>.failing_if([](const stubborn& s) { return s.n < 3; }), clock};
    CHECK(p([&] { return stubborn{++n}; }).n == 3);
}

TEST_CASE("reasons are collected without repetition, in order") {
    keel::detail::distinct<4> d;
    for (const errc e : {errc::refused, errc::timed_out, errc::refused, errc::timed_out})
        d.add(e);
    CHECK(d.count == 2);
    CHECK(d.reasons[0] == errc::refused);
    CHECK(d.reasons[1] == errc::timed_out);
}
