// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/context.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

// What is handed to a call is out of scope before the call runs: the sanitizer of addresses holds that it was kept.

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using support::virtual_world;

namespace {

constexpr auto chain = keel::timeout(1s) | keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
using pipeline = keel::pipeline<std::remove_const_t<decltype(chain)>, keel::manual_clock>;

const std::string long_text = "a text that is too long for the small buffer of a string";

/// Counts how often what it is in was copied.
struct counting {
    int* copies;

    explicit counting(int& in)
      : copies(&in) {}
    counting(const counting& other)
      : copies(other.copies) {
        ++*copies;
    }
    counting(counting&&) = default;
};

struct client {
    std::string name = long_text;

    awaitable<std::string> ask(std::string what) const { co_return name + what; }
};

awaitable<int> twice(int n) { co_return 2 * n; }

/// Suspends, and fails in the first two attempts, by which all that was temporary is gone.
awaitable<void> hesitate(virtual_world& world, const context& c) {
    co_await world.sleep(1ms);
    if (c.attempt() < 3) throw std::runtime_error("not yet");
}

template <class P, class... Args>
concept can_async = requires(P& p, Args... args) { async(p, static_cast<Args>(args)...); };

} // namespace

TEST_CASE("the function may take the context, arguments, both or neither") {
    virtual_world world;
    pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        CHECK(co_await async(p, twice, 21) == 42);
        CHECK(co_await async(p, &twice, 4) == 8);
        CHECK(co_await async(p, [](const context& c) -> awaitable<unsigned> { co_return c.attempt(); }) == 1);
        CHECK(co_await async(
                  p, [](const context& c, int a, int b) -> awaitable<int> { co_return int(c.attempt()) + a + b; }, 2,
                  3) == 6);
        const client it;
        CHECK(co_await async(p, &client::ask, &it, std::string("?")) == long_text + "?");
        CHECK(co_await async(p, &client::ask, std::ref(it), "!") == long_text + "!");
    });
}

TEST_CASE("the context tells the deadline and the attempt") {
    virtual_world world;
    pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        unsigned attempts = 0;
        co_await async(p, [&](const context& c) -> awaitable<void> {
            CHECK(c.attempt() == ++attempts);
            CHECK(c.deadline() == keel::time_point(1s));
            CHECK(c.remaining() == 1s - (attempts - 1) * 11ms);
            CHECK(!c.stop_requested());
            co_await hesitate(world, c);
        });
        CHECK(attempts == 3);
    });
}

TEST_CASE("a closure that is a temporary lives as long as the call") {
    virtual_world world;
    pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        const auto begin = [&](std::string text) {
            const auto kept = std::make_shared<std::string>(std::move(text));
            return async(p, [&world, kept, copy = *kept](const context& c) -> awaitable<std::string> {
                co_await hesitate(world, c);
                co_return *kept + copy;
            });
        };
        awaitable<std::string> call = begin(long_text);
        CHECK(co_await std::move(call) == long_text + long_text);
    });
}

TEST_CASE("arguments are kept for all attempts, however they are handed in") {
    virtual_world world;
    pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        const auto begin = [&] {
            std::string text = long_text;
            const std::string fixed = long_text;
            const auto f = [&world](const context& c, const std::string& a, std::string& b,
                                    const std::string& t) -> awaitable<std::string> {
                co_await hesitate(world, c);
                b += "!"; // attempts see what those before them have left
                co_return a + b + t;
            };
            return async(p, f, text, fixed, std::string(long_text));
        };
        awaitable<std::string> call = begin();
        CHECK(co_await std::move(call) == long_text + long_text + "!" + long_text);
    });
}

TEST_CASE("what is handed in as an rvalue is moved, and what can only be moved can be handed in") {
    virtual_world world;
    pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        int copies = 0;
        const counting one(copies);
        // Not in the expression that awaits it: GCC 12 destroys captures twice there.
        auto with_rvalues = [&] {
            return async(
                p,
                [&world, c = counting(copies)](const context& t, const counting&) -> awaitable<void> {
                    co_await hesitate(world, t);
                },
                counting(copies));
        }();
        co_await std::move(with_rvalues);
        CHECK(copies == 0);
        co_await async(p, [](const counting&) -> awaitable<void> { co_return; }, one);
        CHECK(copies == 1);

        auto of_what_moves = [&] {
            auto times = [m = std::make_unique<int>(6)](const std::unique_ptr<int>& n) -> awaitable<int> {
                co_return *m** n;
            };
            return async(p, std::move(times), std::make_unique<int>(5));
        }();
        CHECK(co_await std::move(of_what_moves) == 30);
    });
}

TEST_CASE("std::ref hands on a reference") {
    virtual_world world;
    pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        int n = 0;
        co_await async(
            p,
            [&](const context& c, int& counted) -> awaitable<void> {
                ++counted;
                co_await hesitate(world, c);
            },
            std::ref(n));
        CHECK(n == 3);
        auto counts = [&world, made = 0](const context& c) mutable -> awaitable<int> {
            const int seen = ++made;
            co_await hesitate(world, c);
            co_return seen;
        };
        CHECK(co_await async(p, counts) == 3); // of a copy
        CHECK(co_await async(p, std::ref(counts)) == 3);
        CHECK(co_await async(p, std::ref(counts)) == 6);
    });
}

TEST_CASE("a call begins when it is awaited") {
    virtual_world world;
    pipeline p{chain, world.clock};
    world.in([&]() -> awaitable<void> {
        int n = 0;
        const auto f = [&]() -> awaitable<void> {
            ++n;
            co_return;
        };
        static_cast<void>(async(p, f)); // never awaited
        awaitable<void> call = async(p, f);
        CHECK(n == 0);
        world.clock.advance(5s);
        co_await std::move(call); // whose timeout has not begun before
        CHECK(n == 1);
    });
}

TEST_CASE("only functions whose coroutine is Asio's can be called") {
    const auto good = [](int) -> awaitable<void> { co_return; };
    const auto plain = [](int) {};
    static_assert(can_async<pipeline, decltype(good), int>);
    static_assert(!can_async<pipeline, decltype(good)>);
    static_assert(!can_async<pipeline, decltype(good), std::string>);
    static_assert(!can_async<pipeline, decltype(plain), int>);
    static_assert(!can_async<const int, decltype(good), int>);
    static_assert(can_async<pipeline, const context&, decltype(good), int>);
    static_assert(!can_async<pipeline, context, decltype(good), int>); // which would be gone before the call
}
