#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "guard.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

// Guards of calls that are several: one within the other, or beside one another.

namespace soak {

using namespace std::chrono_literals;

/// One pipeline within another's attempts: they share the retries, and the deadline.
class nested : public guard {
  public:
    nested()
      : guard("nested") {}
    outcome make(call& made, connection& over) override {
        const auto attempt_of_outer = [this, &made, &over](const keel::context& c) {
            return keel::async(inner_, c, ask, std::ref(made), std::ref(over));
        };
        const connection::answer a = co_await keel::async(outer_, attempt_of_outer);
        if (made.attempts() > 2) too_many_ = true;
        co_return error_of(a);
    }
    void check_recovery(checks& c) override { closes(c, inner_, inner_.circuit()); }

  private:
    void check_policies(checks& c) override {
        at_most_at_once(c, 6);
        no_permits_out(c, inner_.get<"permits">());
        c.hold(name() + ": no call makes more attempts than the retries of the outer one allow", !too_many_);
    }

    static constexpr auto outer =
        keel::timeout(70ms) | keel::retry<keel::exp_jitter>({.attempts = 2, .backoff = {.base = 1ms}});
    static constexpr auto inner = keel::timeout(30ms) |
                                  keel::retry<keel::exp_jitter>({.attempts = 3, .backoff = {.base = 1ms}}) |
                                  keel::named<"permits">(keel::bulkhead({.permits = 6, .max_wait = 5ms})) |
                                  keel::breaker<keel::consecutive_failures>(
                                      {.window = {.failures = 8}, .open_for = 20ms, .half_open_max_wait = 1h});
    keel::static_pipeline<outer> outer_;
    keel::static_pipeline<inner> inner_;
    std::atomic<bool> too_many_{false};
};

/// Attempts that run beside one another, each over a connection of its own.
class hedged : public guard {
  public:
    hedged()
      : guard("hedged") {}
    outcome make(call& made, connection& over) override {
        const boost::asio::any_io_executor on = co_await boost::asio::this_coro::executor;
        const auto ask_alone = [&made, on, to = over.server()] { return try_alone(attempt(made), on, to); };
        co_return error_of(co_await keel::async(pipeline_, ask_alone));
    }
    void check_recovery(checks& c) override { closes(c, pipeline_, pipeline_.circuit()); }

  private:
    static boost::asio::awaitable<connection::answer> try_alone(attempt made, boost::asio::any_io_executor on,
                                                                boost::asio::ip::tcp::endpoint to) {
        connection alone(on, to);
        co_return co_await try_once(std::move(made), alone);
    }
    void check_policies(checks& c) override {
        at_most_at_once(c, 8);
        no_permits_out(c, pipeline_.get<"permits">());
        circuit_counts_attempts(c, pipeline_.circuit());
        budget_is_kept(c, budget);
        const auto& hedge = pipeline_.get<"hedge">();
        c.at_most(name() + ": no more have won than were started", double(hedge.won()), double(hedge.started()));
    }

    static inline constinit keel::retry_budget budget{{.max_tokens = 100, .ratio = 0.5}};
    static constexpr auto chain =
        keel::timeout(60ms) | keel::named<"hedge">(keel::hedge({.delay = 4ms, .extra = 2, .budget = &budget})) |
        keel::named<"permits">(keel::bulkhead({.permits = 8, .max_wait = 5ms})) |
        keel::breaker<keel::sliding_window>(
            {.window = {.calls = 50}, .minimum_calls = 10, .open_for = 20ms, .half_open_max_wait = 1h});
    keel::static_pipeline<chain> pipeline_;
};

} // namespace soak
