// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"

#include <keel/backoff/exp_jitter.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/random.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/through.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

using namespace std::chrono_literals;
using keel::time_point;
using support::bad;
using support::good;
using support::result;

// A thousand clients call a server once a second each. It is down for a minute; and more than one and a half times the
// usual load in a second keeps it busy with refusing, so that it serves nobody in the next. What the retries of the
// clients do to it, in virtual time.

namespace {

constexpr int clients = 1000, minutes = 5;
constexpr auto between_calls = 1'000'000us / clients;
constexpr auto down_from = 60s, up_from = 120s, end = 60s * minutes;

struct server {
    static constexpr int capacity = clients * 3 / 2; // a second
    std::vector<int> load = std::vector<int>(static_cast<std::size_t>(end / 1s) + 60);
    std::int64_t requests = 0;
    time_point served_first{}; // after it was down

    result serve(time_point now) {
        const auto second = static_cast<std::size_t>(now.time_since_epoch() / 1s);
        ++requests;
        ++load[second];
        const bool down = now >= time_point(down_from) && now < time_point(up_from);
        if (down || (second > 0 && load[second - 1] > capacity) || load[second] > capacity) return bad();
        if (now >= time_point(up_from) && served_first == time_point{}) served_first = now;
        return good();
    }
    /// The load in ratio to the calls, in the seconds [from, to).
    double amplification(std::chrono::seconds from, std::chrono::seconds to) const {
        std::int64_t sum = 0;
        for (auto s = from; s < to; s += 1s)
            sum += load[static_cast<std::size_t>(s.count())];
        return static_cast<double>(sum) / static_cast<double>(clients * (to - from).count());
    }
};

/// Each client's clock is its own, for a thousand of them wait at once; they tell the same time when a call begins.
template <class Chain>
struct client {
    keel::manual_clock clock;
    keel::pipeline<Chain, keel::manual_clock> pipeline;

    explicit client(const Chain& chain)
      : pipeline(chain, clock) {}
};

struct outcomes {
    std::int64_t calls_in_last_minute = 0, good_in_last_minute = 0;
};

template <class Chain, class EachCall = decltype([](time_point) {})>
outcomes simulate(server& s, const Chain& chain, EachCall each_call = {}) {
    keel::thread_random().seed(42);
    std::vector<std::unique_ptr<client<Chain>>> all;
    for (int i = 0; i < clients; ++i)
        all.push_back(std::make_unique<client<Chain>>(chain));
    outcomes o;
    for (auto now = time_point{}; now < time_point(end); now += between_calls) {
        auto& c = *all[static_cast<std::size_t>(now.time_since_epoch() / between_calls) % clients];
        c.clock.set(now);
        const bool ok = c.pipeline([&] { return s.serve(c.clock.now()); }).has_value();
        if (now >= time_point(end - 60s)) ++o.calls_in_last_minute, o.good_in_last_minute += ok;
        each_call(now);
    }
    return o;
}

constexpr auto three = keel::retry<keel::exp_jitter>({.attempts = 3});

} // namespace

TEST_CASE("without a budget an outage is multiplied by the attempts, and the storm outlives it") {
    server s;
    const outcomes o = simulate(s, keel::timeout | three);
    CHECK(s.amplification(0s, down_from) == 1.0);
    CHECK(s.amplification(down_from, up_from) > 2.95);
    CHECK(s.amplification(end - 60s, end) > 2.95);
    CHECK(o.good_in_last_minute == 0);
}

TEST_CASE("with a budget that the clients share an outage is hardly amplified, and over when it is over") {
    server s;
    keel::retry_budget budget;
    const outcomes o = simulate(s, keel::timeout | keel::retry<keel::exp_jitter>({.attempts = 3, .budget = &budget}));
    CHECK(s.amplification(down_from, up_from) < 1.001); // at most the half of 100 tokens
    CHECK(s.amplification(down_from, up_from) > 1.0);
    CHECK(s.served_first == time_point(up_from));
    CHECK(o.good_in_last_minute == o.calls_in_last_minute);
    CHECK(budget.tokens() == 100);
}

TEST_CASE("with a budget of its own in each client an outage is amplified by less than a tenth") {
    server s;
    const outcomes o = simulate(s, keel::timeout | three.budgeted({.max_tokens = 10, .ratio = 0.1}));
    CHECK(s.amplification(down_from, up_from) < 1.1);
    CHECK(s.amplification(down_from, up_from) > 1.02);
    CHECK(s.served_first == time_point(up_from));
    CHECK(o.good_in_last_minute == o.calls_in_last_minute);
}

TEST_CASE("with a breaker the circuit recovers within one open period of the server's return") {
    constexpr auto open_for = 5s;
    keel::circuit<keel::sliding_window, keel::manual_clock> shared{{.open_for = open_for}};
    keel::retry_budget budget;
    const auto guarded = keel::timeout | keel::retry<keel::exp_jitter>({.attempts = 3, .budget = &budget});
    server s;
    time_point closed{};
    const outcomes o = simulate(s, guarded | keel::through(shared), [&](time_point now) {
        if (now < time_point(up_from) || shared.state() != keel::circuit_state::closed) return;
        if (closed == time_point{}) closed = now;
    });
    CHECK(s.amplification(down_from, up_from) < 0.1); // it is left alone meanwhile
    // An open period is longer by up to a tenth, and three probes are three calls.
    CHECK(closed >= time_point(up_from));
    CHECK(closed <= time_point(up_from) + open_for * 11 / 10 + 3ms);
    CHECK(o.good_in_last_minute == o.calls_in_last_minute);
}

TEST_CASE("with a breaker in each client all of them have recovered within one open period and its probes") {
    constexpr auto open_for = 5s;
    const auto breaker = keel::breaker<keel::consecutive_failures>({.open_for = open_for, .half_open_calls = 1});
    server s;
    const outcomes o = simulate(s, keel::timeout | three | breaker);
    CHECK(s.amplification(down_from, up_from) < 1.1);
    // The last circuit's period is over by then, and its client calls once a second.
    constexpr auto recovered = std::chrono::ceil<std::chrono::seconds>(up_from + open_for * 11 / 10 + 1s);
    CHECK(s.served_first <= time_point(recovered));
    CHECK(s.amplification(recovered, end) == 1.0);
    CHECK(o.good_in_last_minute == o.calls_in_last_minute);
}
