// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/counted.hpp"
#include "support/diary.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/adapt/asio/virtual_time.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/hedge.hpp>
#include <keel/limit.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::context;
using keel::hedge;
using keel::named;
using support::diary;
using support::started;
using support::virtual_world;
namespace this_coro = boost::asio::this_coro;

namespace {

constexpr auto permits = named<"b">(keel::bulkhead) | named<"l">(keel::limit<>) |
                         keel::breaker<keel::consecutive_failures>({.window = {.failures = 1000}});
constexpr auto twice = keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 10ms}});

boost::asio::any_io_executor executor_of(boost::asio::io_context& c, bool in_strand) {
    if (in_strand) return boost::asio::make_strand(c);
    return c.get_executor();
}

/// A coroutine that can be cancelled on any executor. It keeps a strand, so it must end before the context does.
class anywhere {
  public:
    template <class Body>
    anywhere(const boost::asio::any_io_executor& on, Body body) {
        boost::asio::co_spawn(on, std::move(body),
                              boost::asio::bind_cancellation_slot(signal_.slot(), [this](std::exception_ptr thrown) {
                                  has_ended_ = true;
                                  thrown_ = std::move(thrown);
                              }));
    }
    void cancel() { signal_.emit(boost::asio::cancellation_type::terminal); }
    bool has_ended() const noexcept { return has_ended_; }
    const std::exception_ptr& thrown() const noexcept { return thrown_; }

  private:
    boost::asio::cancellation_signal signal_;
    bool has_ended_ = false;
    std::exception_ptr thrown_;
};

/// A handler of the context, or the next alarm. False if there is nothing left to do.
bool take_step(boost::asio::io_context& c, keel::manual_clock& clock) {
    c.restart();
    return c.poll_one() != 0 || keel::detail::virtual_alarm::ring_next(c, clock);
}

/// Attempts that last, fail, do not heed their cancellation or never wait, by their number.
class attempts {
  public:
    explicit attempts(const keel::manual_clock& clock)
      : clock_(clock) {}

    awaitable<int> operator()(const context& c) {
        const std::uint32_t n = c.attempt();
        const support::counted now(running_);
        if (n % 4 == 0) throw std::runtime_error("no");
        if (n % 4 == 2) co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
        co_await boost::asio::post(boost::asio::deferred);
        co_await keel::async_sleep(clock_, n % 4 == 1 ? 65ms : 40ms);
        if (n % 4 != 3) throw std::runtime_error("no");
        co_await boost::asio::post(boost::asio::deferred);
        co_return static_cast<int>(n);
    }
    int running() const noexcept { return running_; }

  private:
    const keel::manual_clock clock_;
    int running_ = 0;
};

enum class end { cancelled, destroyed };

/// Makes a call with that chain and ends it by force after so many steps. Whether there were as many.
template <class Chain>
bool ends_after(int steps, end how, bool in_strand, const Chain& chain) {
    keel::manual_clock clock;
    keel::pipeline p{chain, clock};
    attempts f(clock);
    std::optional<anywhere> it;
    bool reached = true;
    {
        boost::asio::io_context io;
        const auto on = executor_of(io, in_strand);
        const auto body = [&]() -> awaitable<void> {
            // All attempts look into the function when they end.
            auto looks_into = [&f, kept = std::make_unique<int>(0)](const context& c) -> awaitable<int> {
                const struct looking {
                    int& into;
                    ~looking() { ++into; }
                } at_end{*kept};
                co_return co_await f(c);
            };
            co_await async(p, std::move(looks_into));
        };
        if (how == end::cancelled || !in_strand)
            it.emplace(on, body);
        else
            boost::asio::co_spawn(on, body, boost::asio::detached);
        while (reached && steps-- > 0)
            reached = take_step(io, clock);
        if (how == end::cancelled) {
            it->cancel();
            keel::run(io, clock);
            REQUIRE(it->has_ended());
            it.reset();
        }
    }
    CHECK(f.running() == 0);
    CHECK(p.template get<"b">().in_flight() == 0);
    CHECK(p.template get<"l">().in_flight() == 0);
    return reached;
}

/// All chains of the test by all executors, ended after each of their steps.
void end_everywhere(end how) {
    const auto check = [&](const auto& chain) {
        for (const bool in_strand : {false, true}) {
            int steps = 0;
            while (ends_after(steps, how, in_strand, chain))
                ++steps;
            CHECK(steps > 15);
        }
    };
    check(hedge({.delay = 20ms, .extra = 3}) | permits);
    check(hedge({.delay = 0ms, .percentile = 0.5, .extra = 16}) | permits);
    check(keel::timeout(90ms) | hedge({.delay = 20ms, .extra = 3}) | keel::timeout(50ms) | twice | permits);
    check(twice | hedge({.delay = 20ms, .extra = 1}) | permits);
}

} // namespace

TEST_CASE("a hedged call that is cancelled after any of its steps ends, and leaves nothing behind") {
    end_everywhere(end::cancelled);
}

TEST_CASE("a hedged call that is destroyed with its context after any of its steps leaves nothing behind") {
    end_everywhere(end::destroyed);
}

TEST_CASE("the caller's cancellation ends all attempts of a hedge at once, and all count as ignored") {
    for (const bool in_strand : {false, true}) {
        virtual_world world;
        diary d(world);
        keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 2})) | permits, world.clock};
        const auto body = [&]() -> awaitable<void> {
            co_await async(p, [&](const context& c) -> awaitable<int> { return d.attempt(c, 1h); });
        };
        anywhere it(executor_of(world.context, in_strand), body);
        world.start([&]() -> awaitable<void> {
            co_await world.sleep(70ms);
            it.cancel();
        });
        world.run();
        REQUIRE(it.has_ended());
        CHECK_THROWS_AS(std::rethrow_exception(it.thrown()), boost::system::system_error);
        CHECK(d.text() == "0 +1, 50 +2, 70 x1, 70 x2");
        CHECK(world.elapsed() == 70ms);
        CHECK(p.circuit().stats().totals.ignored == 2);
        CHECK(p.get<"h">().started() == 1);
        CHECK(p.get<"h">().won() == 0);
    }
}

TEST_CASE("what a first attempt ends with when its caller cancels it is what the call ends with") {
    virtual_world world;
    keel::pipeline p{hedge({.delay = 50ms, .extra = 2}), world.clock};
    std::string said;
    std::optional<support::result> returned;
    int attempts = 0;
    started& throws = world.start([&]() -> awaitable<void> {
        try {
            co_await async(p, [&](const context& c) -> awaitable<void> {
                const std::uint32_t n = c.attempt();
                ++attempts;
                try {
                    co_await world.sleep(1h);
                } catch (const boost::system::system_error&) {
                    throw std::runtime_error("of attempt " + std::to_string(n));
                }
            });
        } catch (const std::runtime_error& e) {
            said = e.what();
        }
    });
    started& returns = world.start([&]() -> awaitable<void> {
        returned = co_await async(p, [&](const context& c) -> awaitable<support::result> {
            const std::uint32_t n = c.attempt();
            try {
                co_await world.sleep(1h);
            } catch (const boost::system::system_error&) {
            }
            co_return std::unexpected(std::make_error_code(n == 1 ? std::errc::io_error : std::errc::bad_message));
        });
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(70ms);
        throws.cancel();
        returns.cancel();
    });
    world.run();
    CHECK(throws.has_ended());
    CHECK(returns.has_ended());
    CHECK(said == "of attempt 1");
    CHECK(returned == support::bad());
    CHECK(attempts == 2);
}

TEST_CASE("an attempt that succeeds though the caller has cancelled it is the result") {
    for (const std::uint32_t stubborn : {1U, 2U}) {
        virtual_world world;
        keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 2})) | keel::breaker<keel::sliding_window>,
                         world.clock};
        std::optional<std::uint32_t> got;
        started& it = world.start([&]() -> awaitable<void> {
            got = co_await async(p, [&](const context& c) -> awaitable<std::uint32_t> {
                const std::uint32_t n = c.attempt();
                if (n == stubborn) co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
                co_await world.sleep(100ms);
                co_return n;
            });
        });
        world.start([&]() -> awaitable<void> {
            co_await world.sleep(70ms);
            it.cancel();
        });
        world.run();
        CHECK(!it.thrown());
        CHECK(got == stubborn);
        CHECK(p.circuit().stats().totals.successes == 1);
        CHECK(p.circuit().stats().totals.ignored == 1);
    }
}

TEST_CASE("cancelled while the end of its extra attempts is awaited, a call ends with the first one's failure") {
    virtual_world world;
    diary d(world);
    keel::pipeline p{hedge({.delay = 50ms, .extra = 1}), world.clock};
    int failed = 0;
    started& it = world.start([&]() -> awaitable<void> {
        try {
            co_await async(p, [&](const context& c) -> awaitable<int> { return d.attempt_of(c, {-60, 1000}); });
        } catch (const diary::failed& e) {
            failed = e.number;
        }
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(70ms);
        it.cancel();
    });
    world.run();
    CHECK(it.has_ended());
    CHECK(failed == 1);
    CHECK(d.text() == "0 +1, 50 +2, 60 =1, 70 x2");
}

TEST_CASE("a call that begins cancelled is hedged, and its failure counts as ignored") {
    virtual_world world;
    keel::pipeline p{named<"h">(hedge({.delay = 50ms, .extra = 1})) | permits, world.clock};
    started& it = world.start([&]() -> awaitable<void> {
        co_await this_coro::throw_if_cancelled(false);
        try {
            co_await world.sleep(1h);
        } catch (const boost::system::system_error&) {
        }
        const auto second = [&](const context& c) -> awaitable<support::result> {
            const std::uint32_t n = c.attempt();
            co_await world.sleep(n == 1 ? 1h : 10ms);
            co_return 2;
        };
        CHECK(co_await async(p, second) == 2);
        const auto fails = [&]() -> awaitable<support::result> { co_return support::bad(); };
        CHECK(co_await async(p, fails) == support::bad());
        CHECK(!(co_await this_coro::throw_if_cancelled()));
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(5ms);
        it.cancel();
    });
    world.run();
    CHECK(it.has_ended());
    CHECK(!it.thrown());
    CHECK(world.elapsed() == 65ms);
    CHECK(p.get<"b">().in_flight() == 0);
}

TEST_CASE("a hedged call inside an attempt of another pipeline ends with that") {
    virtual_world world;
    diary d(world);
    keel::pipeline outer{keel::timeout(1h) | keel::breaker<keel::sliding_window>, world.clock};
    keel::pipeline inner{keel::timeout(1h) | hedge({.delay = 50ms, .extra = 2}) | permits, world.clock};
    started& it = world.start([&]() -> awaitable<void> {
        co_await async(outer, [&](const context& c) -> awaitable<int> {
            return async(inner, c, [&](const context& mine) -> awaitable<int> { return d.attempt(mine, 30min); });
        });
    });
    world.start([&]() -> awaitable<void> {
        co_await world.sleep(70ms);
        it.cancel();
    });
    world.run();
    CHECK(it.was_aborted());
    CHECK(d.text() == "0 +1, 50 +2, 70 x1, 70 x2");
    CHECK(outer.circuit().stats().totals.ignored == 1);
    CHECK(inner.get<"b">().in_flight() == 0);
}
