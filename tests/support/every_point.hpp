#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "allocations.hpp"
#include "coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

// A call is cancelled, or destroyed with its context, after its n-th step, for every n: a step is a handler that the
// context runs. Whatever a policy has taken by then must be back in the end.

namespace support {
using namespace std::chrono_literals;
using keel::context;

using circuit_type = keel::circuit<keel::consecutive_failures, keel::manual_clock>;

/// What pipelines of a scene share.
struct shared {
    explicit shared(const keel::manual_clock& clock)
      : circuit({.window = {.failures = 2}, .open_for = 1s, .half_open_calls = 1}, clock) {}

    keel::shared_bulkhead<> permits{{.permits = 1, .max_wait = 1h}};
    keel::retry_budget budget{{.max_tokens = 10, .ratio = 0.001}};
    circuit_type circuit;
};

/// What the function of a call may use.
struct surroundings {
    virtual_world& world;
    started*& call;
    keel::pipeline<keel::chain<keel::timeout_policy>, keel::manual_clock>& inner;
};
using script = asio::awaitable<void> (*)(const surroundings&, const context&);
using function = std::function<asio::awaitable<void>(const context&)>; // one type, so that each chain is compiled once

inline asio::awaitable<void> at_once(const surroundings&, const context&) { co_return; }
inline asio::awaitable<void> soon(const surroundings&, const context&) { co_await asio::post(asio::deferred); }
inline asio::awaitable<void> third_time(const surroundings& in, const context& c) {
    co_await in.world.sleep(1ms);
    if (c.attempt() < 3) throw std::runtime_error("not yet");
}
inline asio::awaitable<void> slow(const surroundings& in, const context&) { co_await in.world.sleep(1h); }
/// Goes on when it is cancelled, and fails.
inline asio::awaitable<void> stubborn(const surroundings& in, const context&) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await in.world.sleep(30ms);
    throw std::runtime_error("no");
}
inline asio::awaitable<void> forked(const surroundings& in, const context&) {
    using namespace asio::experimental::awaitable_operators;
    co_await (in.world.sleep(2ms) && (in.world.sleep(3ms) || in.world.sleep(1h)));
}
inline asio::awaitable<void> nested(const surroundings& in, const context& c) {
    const auto sleeps = [&]() -> asio::awaitable<void> { co_await in.world.sleep(5ms); };
    co_await keel::async(in.inner, c, sleeps);
    co_await keel::async(in.inner, c, sleeps);
}
/// Cancels its own call, in the midst of a section.
inline asio::awaitable<void> cancels_itself(const surroundings& in, const context&) {
    co_await in.world.sleep(1ms);
    in.call->cancel();
    co_await in.world.sleep(1ms);
}

inline constexpr script scripts[] = {at_once, soon, third_time, slow, stubborn, forked, nested, cancels_itself};

/// One call in its world, beside another that has come first and holds for 300 us what there is only one of.
template <class MakeChain>
class scene {
    using chain = decltype(std::declval<MakeChain>()(std::declval<shared&>()));

  public:
    scene(const MakeChain& make, script run, bool half_open)
      : world(std::in_place)
      , with(world->clock)
      , pipeline(make(with), world->clock)
      , inner(keel::timeout(6ms), world->clock)
      , here{*world, call, inner}
      , run_(run) {
        if (half_open) for_each_circuit([](auto& c) { c.half_open(); });
        world->start([this]() -> asio::awaitable<void> {
            const function hold = [this](const context&) { return world->sleep(300us); };
            co_await keel::async(pipeline, hold);
        });
        call = &world->start([this]() -> asio::awaitable<void> {
            const function run_here = [this](const context& c) { return run_(here, c); };
            co_await keel::async(pipeline, run_here);
        });
    }
    ~scene() { world.reset(); }

    /// False if there is nothing left to do.
    bool step() {
        world->context.restart();
        return world->context.poll_one() != 0 || keel::detail::virtual_alarm::ring_next(world->context, world->clock);
    }
    void check_that_all_is_back() {
        for_each_state([](auto& state) {
            if constexpr (requires { state.in_flight(); }) CHECK(state.in_flight() == 0);
            if constexpr (requires { state.waiting(); }) CHECK(state.waiting() == 0);
        });
        CHECK(with.permits.in_flight() == 0);
        CHECK(with.permits.waiting() == 0);
        // What has the budget has that circuit in it, which sees the same failures.
        CHECK(std::ceil(with.budget.tokens()) == 10 - static_cast<double>(with.circuit.stats().totals.failures));
        clock.advance(1h);
        asio::io_context context;
        const started next(context, [this]() -> asio::awaitable<void> {
            co_await keel::async(pipeline, []() -> asio::awaitable<void> { co_return; });
        });
        keel::run(context, clock);
        CHECK(next.has_ended());
        CHECK(!next.thrown()); // it was let through, by a half-open circuit as a probe
    }

    std::optional<virtual_world> world;
    shared with;
    keel::manual_clock clock = world->clock;
    keel::pipeline<chain, keel::manual_clock> pipeline;
    keel::pipeline<keel::chain<keel::timeout_policy>, keel::manual_clock> inner;
    started* call = nullptr;
    const surroundings here;

  private:
    template <class Visit>
    void for_each_state(const Visit& visit) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (visit(pipeline.template state<I>()), ...);
        }(std::make_index_sequence<chain::size>());
    }
    template <class Visit>
    void for_each_circuit(const Visit& visit) {
        for_each_state([&](auto& state) {
            if constexpr (requires { state.circuit; }) visit(state.circuit);
        });
        visit(with.circuit);
    }

    const script run_;
};

enum class end_by { cancellation, destruction };

/// How many points there were.
template <class MakeChain>
int end_after_every_step(const MakeChain& make, script run, bool half_open, end_by how) {
    for (int n = 0;; ++n) {
        CAPTURE(n);
        scene s(make, run, half_open);
        for (int i = 0; i < n; ++i)
            s.step();
        if (s.call->has_ended()) return n;
        if (how == end_by::destruction) {
            s.world.reset();
        } else {
            s.call->cancel();
            while (s.step()) {
            }
            CHECK(s.call->has_ended());
        }
        s.check_that_all_is_back();
    }
}

template <class MakeChain>
int points_of(const MakeChain& make) {
    int points = 0;
    const auto all = [&] {
        for (const script& each : scripts) {
            for (const bool half_open : {false, true}) {
                for (const end_by how : {end_by::cancellation, end_by::destruction}) {
                    CAPTURE(&each - scripts);
                    CAPTURE(half_open);
                    CAPTURE(how == end_by::destruction);
                    points += end_after_every_step(make, each, half_open, how);
                }
            }
        }
    };
    all(); // gates stay in their pool
    const long before = live_blocks();
    points = 0;
    all();
    CHECK(live_blocks() == before);
    return points;
}

inline constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 2ms}});
inline constexpr auto one_permit = keel::bulkhead({.permits = 1, .max_wait = 1h});
inline constexpr auto breaks =
    keel::breaker<keel::sliding_window>({.minimum_calls = 3, .open_for = 1s, .half_open_calls = 1});

} // namespace support

/// A test case for a chain, which may name what is shared in `of`. Fails where there are fewer points than `least`.
#define AFTER_EVERY_STEP(least, ...)                                                                                   \
    TEST_CASE("a call is cancelled or destroyed after every step: " #__VA_ARGS__) {                                    \
        const int points = support::points_of([]([[maybe_unused]] support::shared& of) { return __VA_ARGS__; });       \
        MESSAGE(points, " points");                                                                                    \
        CHECK(points >= least);                                                                                        \
    }
