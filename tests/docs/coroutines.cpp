// SPDX-License-Identifier: BSL-1.0
#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <cassert>
#include <chrono>
#include <exception>
#include <expected>
#include <string>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

constexpr auto chain =
    keel::timeout(50ms) | keel::retry<keel::exp_jitter>({.attempts = 3}) | keel::breaker<keel::sliding_window>;

struct connection {
    asio::awaitable<std::string> ask(std::string what) const {
        co_await asio::post(asio::deferred);
        co_return what + "!";
    }
};

asio::awaitable<void> usage(const connection& server) {
    // clang-format off
    keel::pipeline p{chain};
    const std::string answer = co_await keel::async(p, [&](const keel::context& c) -> asio::awaitable<std::string> {
        co_return co_await server.ask(c.attempt() == 1 ? "quote" : "quote again");
    });
    // clang-format on
    assert(answer == "quote!");
    co_await keel::async(p, &connection::ask, &server, std::string("quote"));
}

asio::awaitable<void> results(const connection& server) {
    keel::pipeline p{chain};
    // clang-format off
    using quote = std::expected<std::string, std::error_code>;
    const quote q = co_await keel::async(p, [&]() -> asio::awaitable<quote> { co_return co_await server.ask("quote"); });
    if (!q && q.error() == keel::errc::circuit_open) co_return;
    // clang-format on
    assert(q == "quote!");
}

/// A call that its caller cancels while it waits for the next attempt.
void cancellation() {
    asio::io_context context;
    keel::manual_clock clock;
    keel::pipeline p{keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}), clock};
    bool was_cancelled = false;
    asio::cancellation_signal cancel;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            try {
                co_await keel::async(p, []() -> asio::awaitable<void> { throw std::errc::io_error; });
            } catch (const boost::system::system_error& e) {
                was_cancelled = e.code() == asio::error::operation_aborted;
            }
        },
        asio::bind_cancellation_slot(cancel.slot(), asio::detached));
    context.poll();
    cancel.emit(asio::cancellation_type::terminal);
    context.run();
    assert(was_cancelled);
}

void virtual_time() {
    // clang-format off
    asio::io_context context;
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms), clock};
    asio::co_spawn(context, [&]() -> asio::awaitable<void> {
        try {
            co_await keel::async(p, [&]() -> asio::awaitable<void> { co_await keel::async_sleep(clock, 1h); });
        } catch (const keel::rejected& r) {
            assert(r.reason() == keel::errc::timed_out);
        }
        assert(clock.now() == keel::time_point(50ms));
    }, asio::detached);
    keel::run(context, clock); // takes no time
    // clang-format on
    assert(clock.now() == keel::time_point(50ms));
}

} // namespace

int main() {
    asio::io_context context;
    const connection server;
    int ended = 0;
    const auto end = [&](const std::exception_ptr& thrown) {
        assert(!thrown);
        ++ended;
    };
    asio::co_spawn(context, usage(server), end);
    asio::co_spawn(context, results(server), end);
    context.run();
    assert(ended == 2);
    cancellation();
    virtual_time();
}
