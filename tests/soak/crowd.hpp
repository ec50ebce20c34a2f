#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "by_hand.hpp"
#include "connection.hpp"
#include "guard.hpp"
#include "ledger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

namespace soak {

/// What calls are made through.
struct guards {
    std::vector<std::unique_ptr<guard>> for_coroutines;
    both_ways for_both;
};

/// Callers on an io_context of their own, which some threads run.
class crowd {
  public:
    crowd(guards& through, checks& checked, const boost::asio::ip::tcp::endpoint& server, std::uint64_t seed)
      : guards_(through)
      , checks_(checked)
      , server_(server) {
        std::mt19937_64 random(seed);
        const unsigned threads = 1 + static_cast<unsigned>(random() % 3);
        for (unsigned i = 0; i < 48; ++i) {
            boost::asio::any_io_executor on = context_.get_executor();
            if (i % 3 == 0) on = boost::asio::make_strand(context_);
            if (i % 3 == 1) on = boost::asio::make_strand(on);
            const bool is_serial = i % 3 < 2 || threads == 1;
            boost::asio::co_spawn(on, call_on_and_on(random(), is_serial), [this](const std::exception_ptr& thrown) {
                checks_.hold("no caller throws", !thrown);
            });
        }
        for (unsigned i = 0; i < 8; ++i) {
            const auto strand = boost::asio::make_strand(context_);
            std::make_shared<hand>(guards_.for_both, checks_, strand, server_, is_over_, random())->begin();
        }
        for (unsigned i = 0; i < threads; ++i)
            threads_.emplace_back([this] { context_.run(); });
    }
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;
    /// In the midst of what they do, unless they have finished.
    ~crowd() {
        context_.stop();
        threads_.clear();
    }

    /// Lets each caller end the call that it is making.
    void finish() {
        is_over_ = true;
        threads_.clear();
    }

  private:
    boost::asio::awaitable<void> call_on_and_on(std::uint64_t seed, bool is_serial) {
        std::mt19937_64 random(seed);
        const boost::asio::any_io_executor on = co_await boost::asio::this_coro::executor;
        connection over(on, server_);
        boost::asio::steady_timer pause(on);
        while (!is_over_) {
            const std::size_t i = random() % (guards_.for_coroutines.size() + 1);
            guard& g = i == 0 ? guards_.for_both : *guards_.for_coroutines[i - 1];
            if (is_serial && random() % 2 == 0)
                co_await call_and_cancel(g, over, random());
            else
                co_await call_once(g, over);
            pause.expires_after(std::chrono::microseconds(random() % 1000));
            co_await pause.async_wait(boost::asio::use_awaitable);
        }
    }

    boost::asio::awaitable<void> call_once(guard& g, connection& over) {
        co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::enable_total_cancellation());
        call made(g.calls, checks_);
        std::error_code why;
        try {
            why = co_await g.make(made, over);
        } catch (const keel::rejected& e) {
            why = e.code();
        } catch (const boost::system::system_error& e) {
            why = e.code();
        }
        const boost::asio::cancellation_state caller = co_await boost::asio::this_coro::cancellation_state;
        made.end(why, caller.cancelled() != boost::asio::cancellation_type::none);
    }

    /// A signal may only be emitted where the coroutine does not run at the same time: on its strand.
    boost::asio::awaitable<void> call_and_cancel(guard& g, connection& over, std::uint64_t drawn) {
        struct canceller {
            boost::asio::cancellation_signal signal;
            bool is_over = false;
        };
        using type = boost::asio::cancellation_type;
        static constexpr type types[] = {type::terminal, type::partial, type::total, type::all};

        const auto c = std::make_shared<canceller>();
        const boost::asio::any_io_executor on = co_await boost::asio::this_coro::executor;
        boost::asio::steady_timer later(on, std::chrono::microseconds(drawn % 40'000));
        later.async_wait([c, how = types[drawn / 40'000 % 4]](boost::system::error_code failed) {
            if (!failed && !c->is_over) c->signal.emit(how);
        });
        co_await boost::asio::co_spawn(
            on, call_once(g, over), boost::asio::bind_cancellation_slot(c->signal.slot(), boost::asio::use_awaitable));
        c->is_over = true;
    }

    guards& guards_;
    checks& checks_;
    const boost::asio::ip::tcp::endpoint server_;
    std::atomic<bool> is_over_{false};
    boost::asio::io_context context_;
    std::vector<std::jthread> threads_;
};

} // namespace soak
