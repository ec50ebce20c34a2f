#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/chaos.hpp>
#include <keel/limit.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/throttle.hpp>
#include <keel/timeout.hpp>

#include <chrono>
#include <cstdint>
#include <random>

namespace matrix {

/// What a policy of any kind is told, in one place of a chain.
struct settings {
    keel::timeout_config timeout{};
    keel::retry_config<keel::constant> retry{};
    keel::retry_budget_config budget{};
    keel::breaker_config<keel::consecutive_failures> breaker{};
    keel::breaker_config<keel::sliding_window> breaker_by_rate{};
    int answer = 0; // of a fallback, and of chaos
    keel::bulkhead_config bulkhead{};
    keel::gcra rate_limit{};
    keel::fixed_window rate_limit_by_window{};
    keel::throttle_config throttle{};
    keel::limit_config<keel::aimd> limit{};
    keel::limit_config<keel::gradient> limit_by_latency{};
    keel::chaos_config chaos{};
    keel::nanos injected_latency = std::chrono::milliseconds(1);
};

/// Small numbers and whole milliseconds, so that everything happens often, and much of it at the same moment.
inline settings made_up(std::mt19937_64& random) {
    using ms = std::chrono::milliseconds;
    const auto draw = [&](int low, int high) { return low + static_cast<int>(random() % unsigned(high - low + 1)); };
    const auto wait = [&] { return ms(draw(0, 1) * draw(0, 30)); };
    settings s;
    s.timeout = {.after = ms(draw(1, 40)), .late_success = keel::late_success(draw(0, 3) == 0)};
    s.retry = {.attempts = draw(1, 4), .backoff = {.every = ms(draw(0, 8))}, .when_open = draw(0, 3) == 0};
    s.budget = {.max_tokens = draw(1, 6), .ratio = draw(1, 4) / 4.0};
    const auto recovery = [&](auto& c) {
        if (draw(0, 2) == 0) c.slow_call.longer_than = ms(draw(1, 15));
        c.open_for = ms(draw(1, 60));
        c.half_open_calls = draw(1, 3);
        c.half_open_max_wait = ms(draw(1, 20));
        c.growth.jitter = 0;
    };
    s.breaker.window.failures = draw(1, 4);
    recovery(s.breaker);
    s.breaker_by_rate.window.calls = draw(2, 8);
    s.breaker_by_rate.failure_rate = draw(1, 4) / 4.0;
    s.breaker_by_rate.minimum_calls = draw(1, 5);
    s.breaker_by_rate.slow_call.rate = draw(2, 4) / 4.0;
    recovery(s.breaker_by_rate);
    s.answer = 1000 + draw(0, 9);
    s.bulkhead = {.permits = draw(1, 3), .max_wait = wait()};
    // Rates that share out milliseconds in whole nanoseconds: others are rounded.
    s.rate_limit = {.rate = 1 << draw(0, 3), .per = ms(draw(10, 100)), .burst = draw(1, 5), .max_wait = wait()};
    s.rate_limit_by_window = {.limit = draw(1, 5), .period = ms(draw(5, 50)), .max_wait = wait()};
    s.throttle = {.k = draw(4, 12) / 4.0, .span = ms(20 * draw(1, 20)), .max_probability = draw(1, 4) / 4.0};
    const auto bounds = [&](auto& c) {
        c.initial = draw(1, 3);
        c.max = draw(3, 5);
        c.window = ms(draw(1, 40));
        c.minimum_calls = draw(1, 4);
        c.failure_rate = draw(0, 2) / 4.0;
    };
    bounds(s.limit);
    s.limit.strategy.backoff = draw(1, 3) / 4.0;
    bounds(s.limit_by_latency);
    s.limit_by_latency.strategy.probe_every = draw(4, 8);
    s.chaos = {.rate = draw(0, 4) / 4.0, .seed = static_cast<std::uint64_t>(draw(0, 2))};
    s.injected_latency = ms(draw(1, 30));
    return s;
}

} // namespace matrix
