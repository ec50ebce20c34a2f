// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <cstdio>
#include <expected>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {
using answer = std::expected<int, std::error_code>;
answer fail() { return std::unexpected(make_error_code(std::errc::connection_refused)); }
answer succeed() { return 42; }

struct no_such_key : std::runtime_error {
    no_such_key()
      : std::runtime_error("no such key") {}
};

constexpr auto by_rate = keel::breaker<keel::sliding_window>({.window = {.calls = 100}, .failure_rate = 0.5});
constexpr auto by_time = keel::breaker<keel::sliding_time_window>({.window = {.span = 10s, .buckets = 10}});
constexpr auto in_a_row = keel::breaker<keel::consecutive_failures>({.window = {.failures = 3}, .open_for = 120s});

constexpr auto lenient = keel::breaker<>.ignoring<no_such_key>();

constexpr auto impatient = keel::breaker<>({.slow_call = {.longer_than = 2s, .rate = 0.5}});

using watchful = keel::basic_sliding_window<{.count_overdue = true}>;
constexpr auto watching = keel::breaker<watchful>({.slow_call = {.longer_than = 2s, .rate = 0.5}});

using many = keel::basic_sliding_window<{.shards = 1, .failures = 16}>; // for thousands of circuits
static_assert(sizeof(keel::circuit<many>) < sizeof(keel::circuit<>));

void slow_calls() {
    keel::manual_clock time;
    keel::pipeline p{impatient, time};
    for (int i = 0; i < 20; ++i) {
        static_cast<void>(p([&]() -> answer {
            time.advance(3s);
            return 42;
        }));
    }
    assert(p.circuit().state() == keel::circuit_state::open);
}

void overdue() {
    keel::manual_clock time;
    keel::circuit<watchful, keel::manual_clock> c{watching.config, time};
    std::vector<decltype(c)::acquired> hanging;
    for (int i = 0; i < 20; ++i)
        hanging.push_back(c.try_acquire());
    time.advance(2s + 250ms);
    assert(!c.try_acquire() && c.state() == keel::circuit_state::open);
}

void telling() {
    keel::manual_clock time;
    keel::pipeline p{by_rate, time};
    for (int i = 0; i < 20; ++i)
        static_cast<void>(p(fail));

    const keel::circuit_stats now = p.circuit().stats();
    assert(now.state == keel::circuit_state::open && now.totals.opens == 1);
    assert(now.totals.calls == now.totals.successes + now.totals.failures + now.totals.ignored + now.totals.late);

    for (const keel::circuit_transition& t : p.circuit().log())
        std::printf("%s to %s: %s\n", name(t.from), name(t.to), name(t.cause)); // closed to open: failures

    try {
        p([] { return 42; });
    } catch (const keel::rejected& e) {
        assert(e.reason() == keel::errc::circuit_open && e.retry_after() == 30s);
    }
}

// A transport that answers through a callback.
bool busy(std::chrono::nanoseconds) { return false; }
template <class Done>
bool send(Done done) {
    done(true);
    return true;
}
bool by_permit() {
    keel::circuit<> payments_circuit{{.open_for = 10s}};
    auto permit = payments_circuit.try_acquire();
    if (!permit) return busy(permit.retry_after());
    return send([permit = std::move(permit)](bool ok) mutable { ok ? permit.success() : permit.failure(); });
}

void usage() {
    keel::manual_clock time;
    keel::pipeline p{by_rate, time};
    for (int i = 0; i < 20; ++i)
        static_cast<void>(p(fail));
    assert(p(succeed).error() == keel::errc::circuit_open);
    assert(p.circuit().state() == keel::circuit_state::open);

    time.advance(30s); // the open period is over: the next calls are probes
    assert(p(succeed).has_value() && p.circuit().state() == keel::circuit_state::half_open);
    assert(p(succeed).has_value() && p(succeed).has_value());
    assert(p.circuit().state() == keel::circuit_state::closed);
}

void windows() {
    keel::manual_clock time;
    keel::pipeline timed{by_time, time};
    for (int i = 0; i < 19; ++i)
        static_cast<void>(timed(fail));
    time.advance(11s); // what is older than the window does not count
    static_cast<void>(timed(fail));
    assert(timed.circuit().state() == keel::circuit_state::closed);

    keel::pipeline rowed{in_a_row, time};
    static_cast<void>(rowed(fail)), static_cast<void>(rowed(fail));
    assert(rowed.circuit().state() == keel::circuit_state::closed);
    static_cast<void>(rowed(fail));
    assert(rowed.circuit().state() == keel::circuit_state::open);
}

// A window of 9 failures and a success: the tenth result is the first to be judged, and trips.
void minimum() {
    keel::pipeline p{keel::breaker<>({.minimum_calls = 10}), keel::manual_clock{}};
    for (int i = 0; i < 9; ++i)
        static_cast<void>(p(fail));
    assert(p.circuit().state() == keel::circuit_state::closed);
    static_cast<void>(p(succeed));
    assert(p.circuit().state() == keel::circuit_state::open);
}

void lost_probe() {
    keel::manual_clock time;
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .half_open_calls = 1}),
                     time};
    static_cast<void>(p(fail));
    time.advance(30s);
    static_cast<void>(p([&]() -> answer { // a probe that hangs
        assert(p(succeed).error() == keel::errc::circuit_open);
        time.advance(10s); // half_open_max_wait is over: another call takes its place
        assert(p(succeed).has_value() && p.circuit().state() == keel::circuit_state::closed);
        return fail();
    }));
    assert(p.circuit().state() == keel::circuit_state::closed); // what came back too late was dropped
}

void sharing() {
    keel::circuit<keel::consecutive_failures> bank{{.open_for = 10s}};
    keel::pipeline charge{keel::timeout(1s) | keel::through(bank)};
    keel::pipeline refund{keel::timeout(5s) | keel::retry<keel::exp_jitter> | keel::through(bank)};
    assert(&charge.circuit() == &refund.circuit());

    keel::pipeline order{keel::named<"stock">(keel::breaker<>) | keel::named<"bank">(keel::through(bank))};
    assert(&order.get<"bank">() == &order.circuit<1>());
}

void selecting() {
    keel::pipeline p{lenient, keel::manual_clock{}};
    for (int i = 0; i < 1000; ++i)
        static_cast<void>(p.attempt([]() -> int { throw no_such_key(); }));
    assert(p.circuit().state() == keel::circuit_state::closed);
}
} // namespace

constexpr auto payments = keel::breaker<keel::consecutive_failures>({.window = {.failures = 3}, .open_for = 120s});
constexpr auto recommendations = keel::breaker<keel::consecutive_failures>({.window = {.failures = 10}});
static_assert(recommendations.config.open_for == 30s && payments.config.half_open_calls == 3);

int main() {
    usage();
    windows();
    minimum();
    lost_probe();
    sharing();
    selecting();
    slow_calls();
    overdue();
    telling();
    assert(by_permit());
}
