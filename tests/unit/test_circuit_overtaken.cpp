// SPDX-License-Identifier: BSL-1.0
#include "support/circuit_configs.hpp"
#include "support/overtaken_atomics.hpp"

#include <keel/breaker.hpp>
#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

using namespace std::chrono_literals;
using keel::circuit_state;
using keel::consecutive_failures;
using keel::sliding_time_window;
using keel::sliding_window;
using support::meanwhile;

namespace {

/// Overtaken as it changes its state.
template <class W>
struct circuit {
    circuit(int failures, int probes)
      : it(support::trips_at<W>(failures, probes), clock) {}
    keel::circuit_totals totals() const { return it.stats().totals; }

    keel::manual_clock clock;
    keel::circuit<W, keel::manual_clock, support::overtaken_atomics<support::exchanges::strong>> it;
};
#define WINDOWS sliding_window, sliding_time_window, consecutive_failures

} // namespace

TEST_CASE_TEMPLATE("of two calls that find an open period over, as many are granted as there may be probes", W,
                   WINDOWS) {
    for (const int probes : {1, 2}) {
        circuit<W> c(2, probes);
        c.it.open();
        c.clock.advance(10s);
        int others = 0;
        auto hold = [&] {
            auto p = c.it.try_acquire();
            others += bool(p);
            c.clock.advance(1s);
            return p;
        };
        std::optional<decltype(c.it.try_acquire())> first;
        meanwhile = [&] { first.emplace(hold()); };
        const auto second = c.it.try_acquire();
        CHECK(others == 1);
        CHECK(bool(second) == (probes == 2));
        CHECK(c.it.state() == circuit_state::half_open);
        // The lease is the first probe's, whoever came second.
        c.clock.advance(4s - 1ns);
        CHECK(!c.it.try_acquire());
        c.clock.advance(1ns);
        CHECK(c.it.try_acquire());
    }
}

TEST_CASE_TEMPLATE("a call that is overtaken by a change by hand is granted in the new state, or refused by it", W,
                   WINDOWS) {
    circuit<W> c(2, 1);
    c.it.open();
    c.clock.advance(10s);
    meanwhile = [&] { c.it.force_open(); };
    CHECK(!c.it.try_acquire());
    c.it.open();
    c.clock.advance(10s);
    meanwhile = [&] { c.it.close(); };
    auto p = c.it.try_acquire();
    CHECK(p);
    CHECK(c.it.state() == circuit_state::closed);
    p.failure();
    CHECK(c.totals().failures == 1);
    CHECK(c.totals().late == 0);
}

TEST_CASE_TEMPLATE("a probe's result that is overtaken by another generation is late, and leaves it alone", W,
                   WINDOWS) {
    for (const bool fails : {false, true}) {
        circuit<W> c(2, 1);
        c.it.half_open();
        auto p = c.it.try_acquire();
        meanwhile = [&] { c.it.half_open(); };
        fails ? p.failure() : p.success();
        CHECK(c.it.state() == circuit_state::half_open);
        CHECK(c.it.stats().window.calls == 0);
        CHECK(c.totals().late == 1);
        CHECK(c.totals().calls == 1);
        CHECK(c.it.try_acquire());
    }
}

TEST_CASE_TEMPLATE("a probe's result that is overtaken by a change of state is late", W, WINDOWS) {
    for (const bool fails : {false, true}) {
        circuit<W> c(2, 1);
        c.it.half_open();
        auto p = c.it.try_acquire();
        meanwhile = [&] { c.it.force_open(); };
        fails ? p.failure() : p.success();
        CHECK(c.it.state() == circuit_state::forced_open);
        CHECK(c.totals().late == 1);
        CHECK(c.totals().successes + c.totals().failures == 0);
    }
}

TEST_CASE_TEMPLATE("of two probes' results at once both are recorded", W, WINDOWS) {
    circuit<W> c(2, 2);
    c.it.half_open();
    auto first = c.it.try_acquire(), second = c.it.try_acquire();
    meanwhile = [&] { first.success(); };
    second.success();
    CHECK(c.it.state() == circuit_state::closed);
    CHECK(c.totals().successes == 2);
    CHECK(c.totals().late == 0);
}

TEST_CASE_TEMPLATE("a result that would trip a circuit is overtaken by a change by hand, which stays", W, WINDOWS) {
    circuit<W> c(1, 1);
    auto p = c.it.try_acquire();
    meanwhile = [&] { c.it.close(); };
    p.failure();
    CHECK(c.it.state() == circuit_state::closed);
    auto q = c.it.try_acquire();
    meanwhile = [&] { c.it.force_open(); };
    q.failure();
    CHECK(c.it.state() == circuit_state::forced_open);
    c.it.close();
    auto r = c.it.try_acquire();
    meanwhile = [&] { c.it.half_open(); };
    r.failure();
    CHECK(c.it.state() == circuit_state::half_open);
    CHECK(c.it.stats().window.calls == 0);
}

TEST_CASE_TEMPLATE("of two results that would trip a circuit at once one does", W, WINDOWS) {
    circuit<W> c(1, 1);
    auto first = c.it.try_acquire(), second = c.it.try_acquire();
    meanwhile = [&] {
        second.failure();
        c.clock.advance(1s);
    };
    first.failure();
    CHECK(c.it.state() == circuit_state::open);
    CHECK(c.totals().opens == 1);
    CHECK(c.it.log().size == 1);
    CHECK(c.it.try_acquire().retry_after() == 9s);
}

TEST_CASE_TEMPLATE("a permit that goes back is overtaken by a take-over, which keeps it", W, WINDOWS) {
    circuit<W> c(2, 1);
    c.it.half_open();
    std::optional<decltype(c.it.try_acquire())> first(c.it.try_acquire()), next;
    meanwhile = [&] {
        c.clock.advance(5s);
        next.emplace(c.it.try_acquire());
    };
    first.reset();
    CHECK(*next);
    CHECK(!c.it.try_acquire());
}

TEST_CASE_TEMPLATE("a permit that goes back is overtaken by another one, and both go back", W, WINDOWS) {
    circuit<W> c(2, 2);
    c.it.half_open();
    std::optional<decltype(c.it.try_acquire())> first(c.it.try_acquire()), second(c.it.try_acquire());
    meanwhile = [&] { second.reset(); };
    first.reset();
    const auto third = c.it.try_acquire(), fourth = c.it.try_acquire();
    CHECK(third);
    CHECK(fourth);
    CHECK(!c.it.try_acquire());
}

TEST_CASE_TEMPLATE("a permit that goes back is overtaken by another generation, whose permits it leaves alone", W,
                   WINDOWS) {
    circuit<W> c(2, 1);
    c.it.half_open();
    std::optional<decltype(c.it.try_acquire())> first(c.it.try_acquire()), next;
    meanwhile = [&] {
        c.it.half_open();
        next.emplace(c.it.try_acquire());
    };
    first.reset();
    CHECK(*next);
    CHECK(!c.it.try_acquire());
}

TEST_CASE_TEMPLATE("a change by hand that is overtaken by a trip comes after it", W, WINDOWS) {
    circuit<W> c(1, 1);
    auto p = c.it.try_acquire();
    meanwhile = [&] { p.failure(); };
    c.it.disable();
    CHECK(c.it.state() == circuit_state::disabled);
    const keel::circuit_log log = c.it.log();
    REQUIRE(log.size == 2);
    CHECK(log.entries[0].to == circuit_state::open);
    CHECK(log.entries[1].from == circuit_state::open);
    CHECK(log.entries[1].to == circuit_state::disabled);
}

TEST_CASE_TEMPLATE("what is recorded while a change by hand is under way is forgotten with what was before", W,
                   WINDOWS) {
    circuit<W> c(10, 1);
    const auto fail_often = [&] {
        for (int i = 0; i < 9; ++i)
            c.it.try_acquire().failure();
    };
    meanwhile = fail_often;
    c.it.close();
    CHECK(c.it.stats().window.calls == 0);
    c.it.try_acquire().failure();
    CHECK(c.it.state() == circuit_state::closed);
    meanwhile = fail_often;
    c.it.metrics_only();
    CHECK(c.it.stats().window.calls == 0);
}

namespace {
/// A clock in whose reading something else happens: a thread that is stopped there.
struct stopping_clock {
    std::function<void()>* inside;
    keel::time_point now() const noexcept {
        if (*inside) std::exchange(*inside, nullptr)();
        return keel::time_point(1s);
    }
    void sleep_until(keel::time_point) const {}
};
} // namespace

TEST_CASE_TEMPLATE("a probe that comes late to close a circuit does not forget what was recorded since another did", W,
                   sliding_window, sliding_time_window) {
    std::function<void()> inside;
    keel::circuit<W, stopping_clock> c({.minimum_calls = 2, .slow_call = {.longer_than = 1s}, .half_open_calls = 3},
                                       stopping_clock{&inside});
    c.half_open();
    auto first = c.try_acquire(), second = c.try_acquire(), third = c.try_acquire();
    first.success();
    inside = [&] {
        second.success();
        REQUIRE(c.state() == circuit_state::closed);
        c.try_acquire().failure();
    };
    third.success();
    CHECK(c.stats().window.failed == 1);
    CHECK(c.stats().totals.late == 1);
    c.try_acquire().failure();
    CHECK(c.state() == circuit_state::open);
}
