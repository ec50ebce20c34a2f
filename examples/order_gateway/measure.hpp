#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "gateway.hpp"
#include "latencies.hpp"
#include "picture.hpp"
#include "polling.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace order_gateway {

inline std::int64_t nanoseconds_now() {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Sends orders one by one and waits for each: a round trip that no other order makes longer. What gets no answer in
/// time has none.
template <class Guard>
void send_and_wait(gateway& g, desk<Guard>& d, std::size_t orders, latencies& into) {
    polling loop;
    for (; orders != 0; --orders) {
        d.submit(101, 10);
        while (!d.is_idle())
            loop.turned(g.turn([&](const request& r, const answer&) { into.add(nanoseconds_now() - r.sent_at); }));
    }
}

/// Measures both, until the time is over or `into` is full. Short batches take turns, also at being the first: what
/// else the machine does meets both alike.
inline void measure(gateway& g, std::chrono::nanoseconds for_so_long, variants& into) {
    constexpr std::size_t batch = 50;
    const std::int64_t end = nanoseconds_now() + for_so_long.count();
    const auto has_room = [&] { return std::min(into[0].round_trips.room(), into[1].round_trips.room()) >= batch; };
    for (std::size_t round = 0; nanoseconds_now() < end && has_room(); ++round) {
        for (const std::size_t v : {round % 2, 1 - round % 2}) {
            into[v].sent += batch;
            if (v == 0)
                send_and_wait(g, g.bare_orders, batch, into[v].round_trips);
            else
                send_and_wait(g, g.orders, batch, into[v].round_trips);
        }
    }
}

/// What a call that succeeds costs in nanoseconds, its ticket kept in a table as a desk keeps it.
template <class Guard>
double cost_of_a_call(Guard& guard) {
    constexpr std::size_t calls = 10'000;
    std::array<std::optional<decltype(guard.begin())>, 8> table;
    const std::int64_t began = nanoseconds_now();
    for (std::size_t i = 0; i != calls; ++i) {
        auto& t = table[i % table.size()];
        t.emplace(begun<Guard>{guard});
        asm volatile("" : : "r"(&t) : "memory"); // meanwhile the order is under way
        if (*t) t->success();
    }
    return static_cast<double>(nanoseconds_now() - began) / calls;
}
/// By how much it is more than without keel: the median of pairs.
inline double cost_of_keel() {
    order_guard with;
    unguarded<patience> without;
    std::array<double, 101> more{};
    for (double& m : more)
        m = cost_of_a_call(with) - cost_of_a_call(without);
    std::ranges::nth_element(more, more.begin() + more.size() / 2);
    return more[more.size() / 2];
}

} // namespace order_gateway
