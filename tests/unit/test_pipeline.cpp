// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

namespace {
namespace card {
using namespace keel;
constexpr auto chain = timeout | retry<exp_jitter> | breaker<sliding_window>;
} // namespace card

struct own_error {
    int code;
};
/// The shape of expected, and not the type.
template <class T, class X>
struct look_alike {
    using value_type = T;
    using error_type = X;
    using unexpected_type = std::unexpected<X>;
    std::expected<T, X> inside;
    look_alike(T v)
      : inside(v) {}
    look_alike(unexpected_type x)
      : inside(std::move(x)) {}
    bool has_value() const { return inside.has_value(); }
    const T& operator*() const { return *inside; }
    const X& error() const { return inside.error(); }
};
struct counting_clock {
    int* reads;
    keel::time_point now() const noexcept { return ++*reads, keel::time_point{}; }
    void sleep_until(keel::time_point) const {}
};
} // namespace

TEST_CASE("the healthy path reads the clock as often as its policies need, and no more") {
    int reads = 0;
    const counting_clock clock{&reads};
    keel::pipeline none{keel::retry<> | keel::breaker<>, clock};
    none([] {});
    CHECK(reads == 0);
    keel::pipeline all{card::chain, clock};
    for (int i = 0; i < 30; ++i)
        all([] {});
    CHECK(reads == 60);
    reads = 0;
    keel::pipeline several{
        keel::timeout | keel::timeout | keel::breaker<keel::sliding_time_window>({.minimum_calls = 1}), clock};
    for (int i = 0; i < 30; ++i)
        several([] {});
    CHECK(reads == 60);
}

TEST_CASE("a pipeline gives back what the function returns: plain, void, reference, move-only") {
    keel::static_pipeline<card::chain> p;
    int there = 1;
    CHECK(p([] { return 5; }) == 5);
    CHECK(&p([&]() -> int& { return there; }) == &there);
    CHECK(*p([] { return std::make_unique<int>(7); }) == 7);
    static_assert(std::is_void_v<decltype(p([] {}))>);
    CHECK(p.attempt([&]() -> int& { return there; }).value() == &there);
    CHECK(p.attempt([] {}).has_value());
    CHECK(**p.attempt([] { return std::make_unique<int>(7); }) == 7);
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
    keel::pipeline p{card::chain};
    for (int i = 0; i < 30; ++i)
        p([] {});
    const counted c = p([&] { return counted(&moves); });
    CHECK(c.moves == &moves);
    CHECK(moves == 0);
}

TEST_CASE("an expected comes back as its own type when it can hold a rejection") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s), clock};
    auto r = p([&]() -> std::expected<int, std::error_code> {
        clock.advance(2s);
        return 1;
    });
    static_assert(std::is_same_v<decltype(r), std::expected<int, std::error_code>>);
    CHECK(r.error() == keel::errc::timed_out);
    auto l = p([&]() -> look_alike<int, std::error_code> {
        clock.advance(2s);
        return 1;
    });
    CHECK(l.error() == keel::errc::timed_out);
    CHECK(p([&] {
              clock.advance(2s);
              return std::error_code();
          }) == keel::errc::timed_out);
}

TEST_CASE("an expected that can't hold a rejection is widened by the rejections of this chain") {
    keel::manual_clock clock;
    keel::pipeline p{card::chain, clock};
    auto r = p([&]() -> std::expected<int, own_error> {
        clock.advance(2s);
        return 1;
    });
    static_assert(std::is_same_v<decltype(r.error()),
                                 keel::error_of<own_error, keel::errc::timed_out, keel::errc::circuit_open>&>);
    CHECK(r.error().reason() == keel::errc::timed_out);
    CHECK(std::holds_alternative<keel::timed_out>(r.error()));
    keel::pipeline q{keel::retry<keel::constant>, clock};
    auto e = q([&]() -> std::expected<int, own_error> { return std::unexpected(own_error{4}); });
    static_assert(std::is_same_v<decltype(e.error()), keel::error_of<own_error>&>);
    CHECK(e.error().error()->code == 4);
}

TEST_CASE("attempt reports errors, exceptions and rejections and never throws") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s), clock};
    const auto thrown = p.attempt([]() -> int { throw std::logic_error("x"); });
    CHECK(thrown.error().exception() != nullptr);
    CHECK_THROWS_AS(thrown.error().raise(), std::logic_error);
    const auto late = p.attempt([&] {
        clock.advance(2s);
        return 1;
    });
    CHECK(late.error() == keel::errc::timed_out);
    CHECK_THROWS_AS(late.error().raise(), keel::rejected);
    const auto error = p.attempt([]() -> std::expected<int, own_error> { return std::unexpected(own_error{3}); });
    CHECK(error.error().error()->code == 3);
    static_assert(noexcept(p.attempt([] { return 1; })));
}

TEST_CASE("rejected is a system_error with the reason as its code") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s), clock};
    try {
        p([&] { clock.advance(2s); });
        FAIL("must throw");
    } catch (const std::system_error& e) {
        CHECK(e.code() == keel::errc::timed_out);
        CHECK(e.code() == std::errc::timed_out);
    }
}

TEST_CASE("wrap makes a callable with the function's parameters") {
    keel::pipeline p{card::chain};
    const auto add = p.wrap([](int a, const std::string& b) { return std::to_string(a) + b; });
    CHECK(add(1, "x") == "1x");
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

TEST_CASE("pipelines are executable, chains are not") {
    static_assert(keel::executable<keel::pipeline<keel::chain<keel::timeout_policy>>&>);
    static_assert(keel::executable<keel::static_pipeline<card::chain, keel::cached_clock>>);
    static_assert(!keel::executable<decltype(card::chain)>);
    static_assert(!std::is_copy_constructible_v<keel::static_pipeline<card::chain>>);
    static_assert(!std::is_move_constructible_v<keel::static_pipeline<card::chain>>);
}
