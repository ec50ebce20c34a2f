#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "connection.hpp"
#include "guard.hpp"
#include "ledger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <system_error>

namespace soak {

/// A pipeline for coroutines and, at the same time, for tickets.
class both_ways : public guard {
    static constexpr auto chain =
        keel::timeout(std::chrono::milliseconds(50)) |
        keel::retry<keel::exp_jitter>({.attempts = 3, .backoff = {.base = std::chrono::milliseconds(1)}}) |
        keel::named<"permits">(keel::bulkhead({.permits = 4, .max_wait = std::chrono::milliseconds(5)})) |
        keel::breaker<keel::sliding_window>({.window = {.calls = 40},
                                             .minimum_calls = 10,
                                             .open_for = std::chrono::milliseconds(20),
                                             .half_open_max_wait = std::chrono::hours(1)});

  public:
    both_ways()
      : guard("both ways") {}
    outcome make(call& made, connection& over) override { return returning(pipeline, made, over); }
    void check_recovery(checks& c) override { closes(c, pipeline, pipeline.circuit()); }

    keel::static_pipeline<chain> pipeline;

  private:
    void check_policies(checks& c) override {
        at_most_at_once(c, 4);
        no_permits_out(c, pipeline.get<"permits">());
        circuit_counts_results(c, pipeline.circuit());
    }
};

/// Makes one call after the other by tickets, by callbacks on a strand: until it is over, or nobody holds it any more
/// because the io_context has been destroyed with its callbacks.
class hand : public std::enable_shared_from_this<hand> {
  public:
    hand(both_ways& through, checks& checked, const boost::asio::any_io_executor& strand,
         const boost::asio::ip::tcp::endpoint& server, const std::atomic<bool>& is_over, std::uint64_t seed)
      : guard_(through)
      , checks_(checked)
      , is_over_(is_over)
      , random_(seed)
      , deadline_(strand)
      , wait_(strand)
      , over_(strand, server) {}

    void begin() {
        if (is_over_) return;
        call_.emplace(guard_.calls, checks_);
        ticket_.emplace(guard_.pipeline.begin());
        go_on({});
    }

  private:
    /// With the last attempt's error, if there was one.
    void go_on(std::error_code last) {
        if (ticket_->waiting()) {
            if (chance(20)) return drop();
            wait_.expires_after(std::chrono::nanoseconds(ticket_->delay()));
            wait_.async_wait([self = shared_from_this(), last](boost::system::error_code) {
                self->ticket_->resume();
                self->go_on(last);
            });
        } else if (*ticket_) {
            make_attempt();
        } else {
            end(ticket_->error() != keel::errc() ? std::error_code(ticket_->error()) : last);
        }
    }
    void make_attempt() {
        attempt_.emplace(*call_);
        is_late_ = false;
        deadline_.expires_at(ticket_->deadline());
        deadline_.async_wait([self = shared_from_this(), n = ++attempts_](boost::system::error_code failed) {
            if (failed || n != self->attempts_) return;
            self->is_late_ = true;
            self->over_.cancel();
        });
        over_.ask([self = shared_from_this()](const connection::answer& a) { self->ended(a); });
    }
    void ended(const connection::answer& a) {
        ++attempts_;
        deadline_.cancel();
        if (a) attempt_->answered();
        attempt_.reset();
        if (!a && chance(20)) return drop();
        if (a)
            ticket_->success();
        else
            ticket_->failure(is_late_ ? keel::errc::timed_out : a.error());
        go_on(a ? std::error_code() : is_late_ ? std::error_code(keel::errc::timed_out) : a.error());
    }
    void drop() {
        if (*ticket_ && chance(2)) ticket_->ignore();
        ticket_.reset();
        end(std::make_error_code(std::errc::operation_canceled), true);
    }
    void end(std::error_code why, bool was_cancelled = false) {
        call_->end(why, was_cancelled);
        call_.reset();
        ticket_.reset();
        wait_.expires_after(std::chrono::microseconds(std::uniform_int_distribution(0, 3000)(random_)));
        wait_.async_wait([self = shared_from_this()](boost::system::error_code) { self->begin(); });
    }
    bool chance(int one_in) { return std::uniform_int_distribution(1, one_in)(random_) == 1; }

    both_ways& guard_;
    checks& checks_;
    const std::atomic<bool>& is_over_;
    std::mt19937_64 random_;
    boost::asio::steady_timer deadline_, wait_;
    connection over_;
    std::optional<call> call_;
    std::optional<attempt> attempt_;
    std::optional<decltype(both_ways::pipeline.begin())> ticket_;
    bool is_late_ = false;
    std::uint64_t attempts_ = 0;
};

} // namespace soak
