// SPDX-License-Identifier: BSL-1.0
#include "support/coroutines.hpp"
#include "support/results.hpp"

#include <keel/adapt/asio.hpp>
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/error.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using boost::asio::awaitable;
using keel::async;
using keel::errc;
using support::virtual_world;

namespace {

constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
constexpr auto keeping = keel::timeout({.after = 1s, .late_success = keel::late_success::keep});

/// What happened, and when.
class diary {
  public:
    explicit diary(virtual_world& in)
      : world_(in) {}
    void note(const std::string& what) {
        all_.push_back(what + " at " + std::to_string(world_.elapsed().count / 1'000'000));
    }
    const std::vector<std::string>& all() const { return all_; }

  private:
    virtual_world& world_;
    std::vector<std::string> all_;
};
using entries = std::vector<std::string>;

/// The reason of the rejection that `co_await` throws; `errc{}` if it throws none.
awaitable<errc> refusal_of(awaitable<void> call) {
    try {
        co_await std::move(call);
    } catch (const keel::rejected& r) {
        co_return r.reason();
    }
    co_return errc{};
}

/// Goes on until then, whatever is cancelled.
awaitable<void> stubborn(virtual_world& world, keel::nanos d) {
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    co_await world.sleep(d);
}

} // namespace

TEST_CASE("at the deadline what the attempt awaits is cancelled, and its end awaited") {
    virtual_world world;
    diary told(world);
    keel::pipeline p{keel::timeout(50ms), world.clock};
    world.in([&]() -> awaitable<void> {
        const errc why = co_await refusal_of(async(p, [&]() -> awaitable<void> {
            bool aborted = false;
            try {
                told.note("begins");
                co_await world.sleep(1h);
            } catch (const boost::system::system_error& e) {
                aborted = e.code() == support::aborted;
            }
            CHECK(aborted);
            told.note("is cancelled");
            co_await boost::asio::this_coro::reset_cancellation_state();
            co_await world.sleep(5ms);
            told.note("has cleaned up");
            throw std::runtime_error("whatever");
        }));
        CHECK(why == errc::timed_out);
        told.note("ends");
    });
    CHECK(told.all() == entries{"begins at 0", "is cancelled at 50", "has cleaned up at 55", "ends at 55"});
}

TEST_CASE("a deadline reaches the innermost operation, through all coroutines in between") {
    virtual_world world;
    keel::pipeline p{keel::timeout(50ms), world.clock};
    const auto deeper = [&](const auto& self, int n) -> awaitable<void> {
        if (n == 0) co_return co_await world.sleep(1h);
        co_await self(self, n - 1);
    };
    world.in([&]() -> awaitable<void> {
        CHECK(co_await refusal_of(async(p, [&]() -> awaitable<void> { co_await deeper(deeper, 20); })) ==
              errc::timed_out);
        CHECK(world.elapsed() == 50ms);
    });
}

TEST_CASE("a success exactly at the deadline counts, and one after it is late") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    world.in([&]() -> awaitable<void> {
        CHECK(co_await refusal_of(async(p, [&]() -> awaitable<void> { co_await world.sleep(1s); })) == errc{});
        CHECK(co_await refusal_of(async(p, [&]() -> awaitable<void> { co_await stubborn(world, 1s); })) == errc{});
        CHECK(co_await refusal_of(async(p, [&]() -> awaitable<void> { co_await world.sleep(1s + 1ns); })) ==
              errc::timed_out);
        CHECK(world.elapsed() == 3s);
        CHECK(co_await refusal_of(async(p, [&]() -> awaitable<void> { co_await stubborn(world, 1s + 1ns); })) ==
              errc::timed_out);
    });
}

TEST_CASE("a value that arrives late is dropped, or kept where the timeout says so") {
    virtual_world world;
    keel::pipeline drops{keel::timeout(1s), world.clock}, keeps{keeping, world.clock};
    const auto late = [&]() -> awaitable<support::result> {
        co_await stubborn(world, 3s);
        co_return 8;
    };
    world.in([&]() -> awaitable<void> {
        CHECK(co_await async(drops, late) == support::result(std::unexpect, make_error_code(errc::timed_out)));
        CHECK(co_await async(keeps, late) == 8);
    });
}

TEST_CASE("a failure that arrives late is a timeout, whatever it is") {
    virtual_world world;
    for (const bool keeps : {false, true}) {
        keel::pipeline p{keel::timeout({.after = 1s, .late_success = keel::late_success(keeps)}), world.clock};
        world.in([&]() -> awaitable<void> {
            CHECK(co_await refusal_of(async(p, [&]() -> awaitable<void> {
                      co_await stubborn(world, 2s);
                      throw std::runtime_error("too late");
                  })) == errc::timed_out);
            const auto r = co_await async(p, [&]() -> awaitable<support::result> {
                co_await stubborn(world, 2s);
                co_return support::bad();
            });
            CHECK(r.error() == errc::timed_out);
        });
    }
}

TEST_CASE("a failure in time is what it is") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    world.in([&]() -> awaitable<void> {
        CHECK_THROWS_AS(co_await async(p,
                                       [&]() -> awaitable<void> {
                                           co_await world.sleep(1s);
                                           throw std::runtime_error("in time");
                                       }),
                        std::runtime_error);
    });
}

TEST_CASE("a timeout in a retry bounds each attempt, one around it all of them together") {
    virtual_world world;
    diary told(world);
    const auto slow = [&](const keel::context& c) -> awaitable<void> {
        told.note(std::to_string(c.attempt()));
        co_await world.sleep(1h);
    };
    keel::pipeline each{thrice | keel::timeout(30ms), world.clock};
    keel::pipeline all{keel::timeout(75ms) | thrice | keel::timeout(30ms), world.clock};
    world.in([&]() -> awaitable<void> {
        CHECK(co_await refusal_of(async(each, slow)) == errc::timed_out);
        told.note("end");
        CHECK(co_await refusal_of(async(all, slow)) == errc::timed_out);
        told.note("end");
    });
    CHECK(told.all() == entries{"1 at 0", "2 at 40", "3 at 80", "end at 110", //
                                "1 at 110", "2 at 150", "end at 180"});       // no time for a wait
}

TEST_CASE("a timeout around a retry cuts the attempt that runs short") {
    virtual_world world;
    diary told(world);
    keel::pipeline p{keel::timeout(75ms) | thrice, world.clock};
    world.in([&]() -> awaitable<void> {
        CHECK(co_await refusal_of(async(p, [&](const keel::context& c) -> awaitable<void> {
                  told.note(std::to_string(c.attempt()));
                  co_await world.sleep(c.attempt() == 1 ? 20ms : 1000ms);
                  throw std::runtime_error("no");
              })) == errc::timed_out);
        told.note("end");
    });
    CHECK(told.all() == entries{"1 at 0", "2 at 30", "end at 75"});
}

TEST_CASE("a timeout counts as a failure of the callee") {
    virtual_world world;
    keel::pipeline inside{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 10s}) |
                              keel::timeout(1s),
                          world.clock};
    world.in([&]() -> awaitable<void> {
        CHECK(co_await refusal_of(async(inside, [&]() -> awaitable<void> { co_await world.sleep(1h); })) ==
              errc::timed_out);
        CHECK(inside.circuit().state() == keel::circuit_state::open);
    });
}

TEST_CASE("an attempt that ends in time leaves no cancellation behind") {
    virtual_world world;
    keel::pipeline p{keel::timeout(1s), world.clock};
    world.in([&]() -> awaitable<void> {
        co_await async(p, [&]() -> awaitable<void> { co_await world.sleep(1ms); });
        co_await world.sleep(1h);
        CHECK((co_await boost::asio::this_coro::cancellation_state).cancelled() ==
              boost::asio::cancellation_type::none);
        CHECK(co_await refusal_of(async(p, [&]() -> awaitable<void> { co_await world.sleep(2s); })) == errc::timed_out);
        CHECK((co_await boost::asio::this_coro::cancellation_state).cancelled() ==
              boost::asio::cancellation_type::none);
        co_await world.sleep(1h);
        CHECK(world.elapsed() == 2h + 1s + 1ms);
    });
}
