// SPDX-License-Identifier: BSL-1.0
#include <keel/adapt/asio.hpp>
#include <keel/keel.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <utility>

using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {
using quote = int;
struct replica {};

const keel::manual_clock time_of_the_replicas;
replica replicas[2];

/// The first replica takes 300 ms, the second one 10 ms.
asio::awaitable<quote> fetch(replica& from, int key) {
    co_await keel::async_sleep(time_of_the_replicas, &from == &replicas[0] ? 300ms : 10ms);
    co_return key;
}

constinit keel::retry_budget to_quotes{{.max_tokens = 100, .ratio = 0.1}};

constexpr auto fixed = keel::timeout(1s) | keel::hedge({.delay = 50ms, .budget = &to_quotes});
constexpr auto measured = keel::timeout(1s) | keel::hedge({.delay = 50ms, .percentile = 0.95, .budget = &to_quotes});

asio::awaitable<void> usage() {
    const int key = 7;
    keel::manual_clock clock = time_of_the_replicas;
    keel::pipeline p{keel::timeout(1s) | keel::hedge({.delay = 50ms}) | keel::breaker<keel::sliding_window>, clock};
    const auto ask = [&](const keel::context& c) { return fetch(replicas[c.attempt() % 2 == 1 ? 0 : 1], key); };
    const quote q = co_await keel::async(p, ask);
    assert(q == key && clock.now() == keel::time_point(60ms)); // and not after 300 ms
}

asio::awaitable<void> figures() {
    const int key = 7;
    keel::manual_clock clock = time_of_the_replicas;
    keel::pipeline p{keel::named<"quotes">(keel::hedge({.delay = 50ms, .percentile = 0.95})), clock};
    for (int i = 0; i < 40; ++i) {
        const auto ask = [&]() { return fetch(replicas[1], key); };
        static_cast<void>(co_await keel::async(p, ask));
    }
    const auto& h = p.get<"quotes">();
    std::printf("%ju started, %ju won, after %g ms\n", std::uintmax_t{h.started()}, std::uintmax_t{h.won()},
                static_cast<double>(h.percentile().count) / 1e6);
    assert(h.percentile() > keel::nanos(10ms) && h.percentile() <= keel::nanos(11'250us));
}

/// To the end, in virtual time.
void run(asio::awaitable<void> body) {
    asio::io_context context;
    keel::manual_clock clock = time_of_the_replicas;
    bool has_ended = false;
    asio::co_spawn(context, std::move(body), [&](std::exception_ptr thrown) {
        assert(!thrown);
        has_ended = true;
    });
    keel::run(context, clock);
    assert(has_ended);
}
} // namespace

int main() {
    keel::pipeline a{fixed};
    keel::pipeline b{measured};
    static_assert(keel::explain(fixed).attempts == 2);
    static_assert(keel::explain(keel::hedge({.delay = 50ms}) | keel::timeout(1s)).duration == keel::nanos(1050ms));
    run(usage());
    run(figures());
}
