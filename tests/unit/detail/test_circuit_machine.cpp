// SPDX-License-Identifier: BSL-1.0
#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/sync/atomics.hpp>
#include <keel/window/sliding_window.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

using namespace std::chrono_literals;
using keel::circuit_state;

// Who loses an exchange to a change that leaves the generation as it is goes by what is there now. What
// `before_exchange` and `before_look` say happens right before the next exchange, and before the next relaxed load.

namespace {
std::function<void()> before_exchange, before_look;

struct overtaken_atomics : keel::std_atomics {
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        T load(std::memory_order order) const noexcept {
            if (before_look && order == std::memory_order_relaxed) std::exchange(before_look, nullptr)();
            return std::atomic<T>::load(order);
        }
        bool compare_exchange_strong(T& seen, T next, std::memory_order won, std::memory_order lost) noexcept {
            if (before_exchange) std::exchange(before_exchange, nullptr)();
            return std::atomic<T>::compare_exchange_strong(seen, next, won, lost);
        }
    };
};

template <class Window = keel::sliding_window>
struct circuit {
    using config = keel::breaker_config<Window>;
    explicit circuit(const config& c)
      : it(c, clock) {}
    auto totals() const { return it.stats().totals; }

    keel::manual_clock clock;
    keel::circuit<Window, keel::manual_clock, overtaken_atomics> it;
};
} // namespace

TEST_CASE("of two results that fill the minimum at once, both are counted, and the circuit stays closed") {
    circuit<> c({.minimum_calls = 2});
    c.it.try_acquire().success();
    auto first = c.it.try_acquire(), second = c.it.try_acquire();
    before_exchange = [&] { second.success(); };
    first.success();
    CHECK(!before_exchange);
    CHECK(c.it.state() == circuit_state::closed);
    CHECK(c.totals().successes == 3);
}

TEST_CASE("a failure that trips is overtaken by a success that leaves the circuit closed, and trips it all the same") {
    circuit<> c({.failure_rate = 0.5, .minimum_calls = 2});
    c.it.try_acquire().success();
    auto first = c.it.try_acquire(), second = c.it.try_acquire();
    before_exchange = [&] {
        second.success();
        CHECK(c.it.state() == circuit_state::closed);
    };
    first.failure();
    CHECK(!before_exchange);
    CHECK(c.it.state() == circuit_state::open);
    CHECK(c.totals().opens == 1);
}

TEST_CASE("of two probes that succeed at once, both are counted") {
    circuit<> c({.half_open_calls = 3});
    c.it.half_open();
    auto first = c.it.try_acquire(), second = c.it.try_acquire(), third = c.it.try_acquire();
    before_exchange = [&] { second.success(); };
    first.success();
    CHECK(!before_exchange);
    CHECK(c.it.state() == circuit_state::half_open);
    third.success();
    CHECK(c.it.state() == circuit_state::closed);
    CHECK(c.totals().successes == 3);
}

TEST_CASE("a probe's success closes the circuit though its permit is taken over meanwhile") {
    circuit<> c({.half_open_calls = 1, .half_open_max_wait = 5s});
    c.it.half_open();
    auto first = c.it.try_acquire();
    auto heir = c.it.try_acquire();
    CHECK(!heir);
    c.clock.advance(5s);
    before_look = [&] { CHECK(c.it.try_acquire()); };
    first.success();
    CHECK(!before_look);
    CHECK(c.it.state() == circuit_state::closed);
    CHECK(c.totals().successes == 1);
}

TEST_CASE("a probe's success that would close the circuit is late where others are probing meanwhile") {
    circuit<> c({.half_open_calls = 1});
    c.it.half_open();
    auto first = c.it.try_acquire();
    before_look = [&] { c.it.half_open(); };
    first.success();
    CHECK(!before_look);
    CHECK(c.it.state() == circuit_state::half_open);
    CHECK(c.it.stats().window.calls == 0);
    CHECK(c.totals().late == 1);
}

TEST_CASE("a change by hand that another overtakes forgets nothing that is recorded since") {
    circuit<> c({.minimum_calls = 2});
    before_exchange = [&] {
        before_look = [&] {
            c.it.close();
            c.it.try_acquire().failure();
        };
    };
    c.it.close();
    CHECK(!before_look);
    CHECK(c.it.stats().window.failed == 1);
}

TEST_CASE("a result is late in an open circuit though the end of its period has the bits of its generation") {
    circuit<> c({.failure_rate = 1, .minimum_calls = 1, .open_for = keel::nanos(std::int64_t{1} << 35)});
    auto late = c.it.try_acquire();
    c.it.try_acquire().failure();
    REQUIRE(c.it.state() == circuit_state::open);
    late.failure();
    CHECK(c.totals().late == 1);
    CHECK(c.totals().failures == 1);
}

TEST_CASE("a call that finds others overdue, and is overtaken by a change by hand, goes by that") {
    using window = keel::basic_sliding_window<{.count_overdue = true}>;
    circuit<window> c({.minimum_calls = 1, .slow_call = {.longer_than = 1s, .rate = 0.5}});
    const auto slow = c.it.try_acquire();
    REQUIRE(slow);
    c.clock.advance(10s);
    before_exchange = [&] { c.it.force_open(); };
    CHECK(!c.it.try_acquire());
    CHECK(!before_exchange);
    CHECK(c.it.state() == circuit_state::forced_open);
    CHECK(c.totals().opens == 1);
}
