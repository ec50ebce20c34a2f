#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "desk.hpp"
#include "unguarded.hpp"
#include "wire.hpp"

#include <keel/keel.hpp>

#include <chrono>

namespace order_gateway {

using namespace std::chrono_literals;

// All requests go to one exchange, so what one desk learns of its health is there for all.
inline constinit keel::circuit<keel::sliding_window, keel::cached_clock> to_exchange{
    {.window = {.calls = 16}, .minimum_calls = 8, .open_for = 20ms}};

inline constexpr keel::nanos patience = 50ms;

// No retry: an order that got no answer may be in the book, and sent again it might be there twice. And an
// acknowledgement that comes late is one: what the exchange says is so.
inline constexpr auto order_chain =
    keel::timeout({.after = patience, .late_success = keel::late_success::keep}) | keel::through(to_exchange);
// To ask for a quote twice does no harm.
inline constexpr auto quote_chain =
    keel::timeout(200ms) | keel::retry<keel::exp_jitter>({.attempts = 3, .backoff = {.base = 1ms, .cap = 10ms}}) |
    keel::timeout(patience) | keel::through(to_exchange);

using order_guard = keel::static_pipeline<order_chain, keel::cached_clock>;
using quote_guard = keel::static_pipeline<quote_chain, keel::cached_clock>;

/// The event loop of one connection. Belongs to one thread.
struct gateway {
    connection link;
    desk<order_guard> orders{link, 0};
    desk<quote_guard> quotes{link, 1};
    desk<unguarded<patience>> bare_orders{link, 2};

    /// One turn, which never waits. Whether something had come. `then(r, a)` for every answer to a request that was
    /// waiting for it.
    template <class Then>
    bool turn(Then then) {
        keel::cached_clock::update(); // all that happens in a turn happens at one time
        const bool found = link.receive<answer>([&](const answer& a) {
            if (a.desk == 0)
                orders.take(a, then);
            else if (a.desk == 1)
                quotes.take(a, then);
            else
                bare_orders.take(a, then);
        });
        // After the answers: one that is there is in time, however late this thread gets to see it.
        orders.turn();
        quotes.turn();
        bare_orders.turn();
        return found;
    }
    bool is_idle() const noexcept { return orders.is_idle() && quotes.is_idle() && bare_orders.is_idle(); }
    bool is_answered() const noexcept {
        return orders.is_answered() && quotes.is_answered() && bare_orders.is_answered();
    }
};

} // namespace order_gateway
