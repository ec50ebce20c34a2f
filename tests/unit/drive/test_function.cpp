// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/drive/function.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>

#include <doctest/doctest.h>

#include <array>
#include <type_traits>

// A small closure may be handed to the cold lane as a copy; nobody may be able to tell.

namespace {
constexpr auto insisting = keel::retry<keel::constant>({.attempts = 5, .backoff = {.every = keel::nanos(1)}});

/// Called as const, and changes all the same.
struct counting {
    mutable int calls = 0;
    int operator()() const { return ++calls < 3 ? throw 1 : calls; }
};
} // namespace

TEST_CASE("a function object that a const call changes is the caller's own in every attempt") {
    keel::manual_clock clock;
    keel::pipeline p{insisting, clock};
    const counting f;
    CHECK(p(f) == 3);
    CHECK(f.calls == 3);
}

TEST_CASE("a reference that a closure returns to what it holds refers to the caller's closure") {
    keel::manual_clock clock;
    keel::pipeline p{insisting, clock};
    int n = 0;
    const auto holding = [&n, held = 7]() -> const int& { return ++n < 3 ? throw 1 : held; };
    const int& through = p(holding);
    const int& directly = holding();
    CHECK(&through == &directly);
}

TEST_CASE("a closure of any size and a plain function give the same on either lane") {
    keel::manual_clock clock;
    keel::pipeline p{insisting, clock};
    int n = 0;
    CHECK(p([&n] { return ++n % 2 == 1 ? throw 1 : n; }) == 2);
    CHECK(p([&n, pad = std::array<int, 50>{}] { return ++n % 2 == 1 ? throw 1 : n + pad[49]; }) == 4);
    static int calls = 0;
    CHECK(p(+[] { return ++calls % 2 == 1 ? throw 1 : calls; }) == 2);
    int (*const pointer)() = [] { return ++calls % 2 == 1 ? throw 1 : calls; };
    CHECK(p(pointer) == 4);
}

TEST_CASE("only a small closure whose result refers to nothing is handed on as a copy") {
    using keel::detail::handed;
    int n = 0;
    const auto small = [&n] { return n; };
    const auto referring = [&n]() -> int& { return n; };
    const auto pointing = [&n] { return &n; };
    const auto large = [&n, pad = std::array<int, 50>{}] { return n + pad[0]; };
    auto changing = [n]() mutable { return ++n; };
    CHECK(!std::is_reference_v<handed<decltype(small)>>);
    CHECK(std::is_reference_v<handed<decltype(referring)>>);
    CHECK(std::is_reference_v<handed<decltype(pointing)>>);
    CHECK(std::is_reference_v<handed<decltype(large)>>);
    CHECK(std::is_reference_v<handed<decltype(changing)>>);
    CHECK(std::is_reference_v<handed<counting>>);
    static_cast<void>(small), static_cast<void>(referring), static_cast<void>(pointing), static_cast<void>(large);
    CHECK(changing() == 1);
}
