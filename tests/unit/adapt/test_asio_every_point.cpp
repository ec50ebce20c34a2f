// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/live_blocks.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

// A call is cancelled, or destroyed with its context, after its n-th step, for every n: a step is a handler that the
// context runs. Whatever a policy has taken by then must be back in the end.

using namespace std::chrono_literals;
using namespace boost::asio::experimental::awaitable_operators;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using support::virtual_world;
namespace asio = boost::asio;
namespace this_coro = boost::asio::this_coro;

namespace {

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
    support::started*& call;
    keel::pipeline<keel::chain<keel::timeout_policy>, keel::manual_clock>& inner;
};
using script = awaitable<void> (*)(const surroundings&, const context&);

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
        world->start([this]() -> awaitable<void> {
            co_await async(pipeline, [this]() -> awaitable<void> { co_await world->sleep(300us); });
        });
        call = &world->start([this]() -> awaitable<void> {
            co_await async(pipeline, [this](const context& c) -> awaitable<void> { co_await run_(here, c); });
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
        for_each_circuit([](auto& c) {
            const auto t = c.stats().totals;
            CHECK(t.calls == t.successes + t.failures + t.ignored + t.late);
        });
        clock.advance(1h);
        asio::io_context context;
        const support::started next(
            context, [this]() -> awaitable<void> { co_await async(pipeline, []() -> awaitable<void> { co_return; }); });
        keel::run(context, clock);
        CHECK(next.has_ended());
        CHECK(!next.thrown()); // it was let through, by a half-open circuit as a probe
    }

    std::optional<virtual_world> world;
    shared with;
    keel::manual_clock clock = world->clock;
    keel::pipeline<chain, keel::manual_clock> pipeline;
    keel::pipeline<keel::chain<keel::timeout_policy>, keel::manual_clock> inner;
    support::started* call = nullptr;
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

// Scripts.

awaitable<void> at_once(const surroundings&, const context&) { co_return; }
awaitable<void> soon(const surroundings&, const context&) { co_await asio::post(asio::deferred); }
awaitable<void> third_time(const surroundings& in, const context& c) {
    co_await in.world.sleep(1ms);
    if (c.attempt() < 3) throw std::runtime_error("not yet");
}
awaitable<void> slow(const surroundings& in, const context&) { co_await in.world.sleep(1h); }
/// Goes on when it is cancelled, and fails.
awaitable<void> stubborn(const surroundings& in, const context&) {
    co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await in.world.sleep(30ms);
    throw std::runtime_error("no");
}
awaitable<void> forked(const surroundings& in, const context&) {
    co_await (in.world.sleep(2ms) && (in.world.sleep(3ms) || in.world.sleep(1h)));
}
awaitable<void> nested(const surroundings& in, const context& c) {
    const auto sleeps = [&]() -> awaitable<void> { co_await in.world.sleep(5ms); };
    co_await async(in.inner, c, sleeps);
    co_await async(in.inner, c, sleeps);
}
/// Cancels its own call, in the midst of a section.
awaitable<void> cancels_itself(const surroundings& in, const context&) {
    co_await in.world.sleep(1ms);
    in.call->cancel();
    co_await in.world.sleep(1ms);
}

constexpr script scripts[] = {at_once, soon, third_time, slow, stubborn, forked, nested, cancels_itself};

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
    const long before = support::live_blocks();
    points = 0;
    all();
    CHECK(support::live_blocks() == before);
    return points;
}

// Policies.

constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 2ms}});
constexpr auto one_permit = keel::bulkhead({.permits = 1, .max_wait = 1h});
constexpr auto breaks = keel::breaker<keel::sliding_window>({.minimum_calls = 3, .open_for = 1s, .half_open_calls = 1});

} // namespace

#define POINTS(least, ...)                                                                                             \
    TEST_CASE("after every step: " #__VA_ARGS__) {                                                                     \
        const int points = points_of([]([[maybe_unused]] shared& of) { return __VA_ARGS__; });                         \
        MESSAGE(points, " points");                                                                                    \
        CHECK(points >= least);                                                                                        \
    }

POINTS(300, one_permit | breaks)
POINTS(350, keel::timeout(50ms) | thrice | one_permit | breaks)
POINTS(220, thrice | keel::timeout(8ms) | breaks | one_permit)
POINTS(360, keel::timeout(20ms) | thrice | keel::timeout(8ms) | keel::through(of.permits) | breaks)
POINTS(330, one_permit | keel::timeout(20ms) | thrice | breaks)
POINTS(160, keel::rate_limit({.rate = 1, .per = 2ms, .burst = 1, .max_wait = 1h}) | thrice | breaks)
POINTS(170, keel::timeout(20ms) | thrice | keel::rate_limit({.rate = 1, .per = 2ms, .burst = 1, .max_wait = 1h}))
POINTS(80, keel::timeout(20ms) | keel::limit<keel::gradient>({.initial = 2}) | keel::throttle | breaks)
POINTS(110, keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 2ms}, .budget = &of.budget}) |
                keel::timeout(8ms) | keel::through(of.circuit))
POINTS(140, keel::chaos({.rate = 1}).latency(3ms) | keel::timeout(20ms) | thrice | breaks)
POINTS(600, keel::timeout(20ms) | thrice | one_permit | keel::chaos({.rate = 1}).latency(300us) | breaks)
POINTS(160, keel::timeout(20ms) | keel::hedge({.delay = 2ms, .extra = 2}) | keel::bulkhead({.permits = 2}) | breaks)
POINTS(150,
       thrice | keel::hedge({.delay = 2ms, .extra = 1}) | keel::timeout(8ms) | keel::bulkhead({.permits = 2}) | breaks)
