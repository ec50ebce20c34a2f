// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>

// A context that ends destroys the coroutines that are suspended in it: what they have taken must go back.

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using support::virtual_world;
namespace asio = boost::asio;

namespace {

constexpr auto opens_at_once =
    keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s, .half_open_calls = 1});
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto permits = keel::named<"permits">(keel::bulkhead({.permits = 1, .max_wait = 1h}));
constexpr auto bare = thrice | permits | opens_at_once;
constexpr auto bounded = keel::timeout(1s) | thrice | permits | opens_at_once;
constexpr auto each_bounded = thrice | keel::timeout(1s) | permits | opens_at_once;

/// Nothing of `p` is taken, and a probe of its circuit is let through.
template <class P>
void check_that_all_is_back(P& p) {
    CHECK(p.template get<"permits">().in_flight() == 0);
    CHECK(p.template get<"permits">().waiting() == 0);
    CHECK(p.circuit().state() == keel::circuit_state::half_open);
    CHECK(p.circuit().stats().totals.failures == 0);
    CHECK(p.attempt([] {}).has_value());
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

template <class Chain>
void destroy_in_an_attempt(const Chain& chain, bool in_strand) {
    std::optional<virtual_world> world(std::in_place);
    keel::pipeline p{chain, world->clock};
    p.circuit().half_open();
    bool destroyed = false;
    const auto body = [&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> {
            const std::shared_ptr<void> at_end(nullptr, [&](void*) { destroyed = true; });
            co_await world->sleep(1h);
        });
    };
    if (in_strand)
        world->start_on(asio::make_strand(world->context), body);
    else
        world->start(body);
    world->start([&]() -> awaitable<void> { co_await async(p, []() -> awaitable<void> { co_return; }); }); // waits
    world->context.poll();
    CHECK(p.template get<"permits">().in_flight() == 1);
    CHECK(p.template get<"permits">().waiting() == 1);
    world.reset();
    CHECK(destroyed);
    check_that_all_is_back(p);
}

} // namespace

TEST_CASE("a context that ends in the midst of an attempt takes nothing with it") {
    for (const bool in_strand : {false, true}) {
        destroy_in_an_attempt(bare, in_strand);
        destroy_in_an_attempt(bounded, in_strand);
        destroy_in_an_attempt(each_bounded, in_strand);
    }
}

TEST_CASE("a context that ends between two attempts takes nothing with it") {
    std::optional<virtual_world> world(std::in_place);
    keel::retry_budget budget{{.max_tokens = 10, .ratio = 1}};
    keel::pipeline p{keel::timeout(1s) |
                         keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}, .budget = &budget}),
                     world->clock};
    world->start([&]() -> awaitable<void> {
        co_await async(p, []() -> awaitable<void> {
            throw std::runtime_error("no");
            co_return;
        });
    });
    world->context.poll();
    world.reset();
    CHECK(budget.tokens() == 9); // for the failure
}

TEST_CASE("a context that ends in calls within calls takes nothing with it") {
    std::optional<virtual_world> world(std::in_place);
    keel::pipeline outer{bounded, world->clock}, inner{bounded, world->clock};
    outer.circuit().half_open();
    inner.circuit().half_open();
    world->start([&]() -> awaitable<void> {
        co_await async(outer, [&](const keel::context& c) -> awaitable<void> {
            co_await async(inner, c, [&]() -> awaitable<void> { co_await world->sleep(1h); });
        });
    });
    world->context.poll();
    CHECK(inner.get<"permits">().in_flight() == 1);
    world.reset();
    check_that_all_is_back(inner);
    check_that_all_is_back(outer);
}

TEST_CASE("a call that was never awaited, or begun, is destroyed with its arguments") {
    virtual_world world;
    keel::pipeline p{bounded, world.clock};
    const auto kept = std::make_shared<int>(1);
    {
        const auto call = async(p, [kept](const std::shared_ptr<int>&) -> awaitable<void> { co_return; }, kept);
        CHECK(kept.use_count() == 3);
    }
    CHECK(kept.use_count() == 1);
    {
        virtual_world other;
        other.start([&p, kept]() -> awaitable<void> {
            co_await async(p, [](const std::shared_ptr<int>&) -> awaitable<void> { co_return; }, kept);
        });
        CHECK(kept.use_count() == 2);
    }
    CHECK(kept.use_count() == 1);
}

TEST_CASE("an executor of an attempt may outlive its context") {
    asio::any_io_executor kept;
    {
        virtual_world world;
        keel::pipeline p{keel::timeout(1s), world.clock};
        world.in([&]() -> awaitable<void> {
            co_await async(p, [&]() -> awaitable<void> { kept = co_await asio::this_coro::executor; });
        });
    }
    CHECK(kept);
    const asio::any_io_executor copy = kept;
    kept = nullptr;
    CHECK(copy != kept);
}
