// SPDX-License-Identifier: BSL-1.0

// An order gateway: an event loop that never sleeps, `cached_clock`, and a ticket for every request that is under way.
// The exchange is a thread at the other end of a TCP connection. First it goes through a bad day, then both ways of
// sending orders, with and without keel, are measured side by side:
//
//     order_gateway [--seconds N] [--svg FILE]

#include "order_gateway/desk.hpp"
#include "order_gateway/exchange.hpp"
#include "order_gateway/gateway.hpp"
#include "order_gateway/measure.hpp"
#include "order_gateway/picture.hpp"
#include "order_gateway/polling.hpp"
#include "order_gateway/wire.hpp"

#include <keel/keel.hpp>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

using namespace order_gateway;

std::atomic<std::uint64_t> allocations{0};
void* operator new(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* p = std::malloc(size)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

void must(bool holds, const char* claim) {
    if (!holds) throw std::logic_error(std::string("this does not hold: ") + claim);
}

unsigned long long count(std::uint64_t n) { return n; } // as printf knows it

struct phase {
    const char* name;
    mood exchange;
    std::uint32_t requests; ///< for so many of them
    bool opens_circuit;     ///< then it lasts until the circuit is closed again, otherwise for so many answers
};
constexpr std::uint32_t all = 0xffff'ffff;
constexpr phase phases[] = {
    {"well", mood::well, all, false},
    {"flaky", mood::flaky, all, false},
    // More than can be sent before the circuit opens: 8 from each desk, and 7 in place of those that fail first.
    {"stalled", mood::stalled, 32, true},
    {"busy", mood::busy, 32, true},
    {"well again", mood::well, all, false},
};

/// An order every 20 us, of which every 49th has a price of 0, which no exchange takes; and with every 8th a quote.
void trade(gateway& g, const phase& p) {
    const std::uint64_t opens = to_exchange.stats().totals.opens;
    const tally orders = g.orders.counts(), quotes = g.quotes.counts();
    const auto is_over = [&] {
        const std::uint64_t answered = g.orders.counts().answers - orders.answers;
        if (!p.opens_circuit) return answered >= 1000 && g.quotes.counts().answers - quotes.answers >= 100;
        must(answered < 1000, "the circuit opens while the exchange is out of order");
        return to_exchange.state() == keel::circuit_state::closed && to_exchange.stats().totals.opens != opens;
    };
    const auto is_its_own = [](const request& r, const answer& a) {
        must(r.price == a.price, "an answer goes to the request that it is for");
    };
    keel::time_point next{};
    polling loop;
    for (int submitted = 0; !is_over();) {
        loop.turned(g.turn(is_its_own));
        if (keel::cached_clock::now() < next || !g.orders.has_room()) continue;
        g.orders.submit(++submitted % 49, 10);
        if (submitted % 8 == 0 && g.quotes.has_room()) g.quotes.submit(submitted, 1);
        next = keel::cached_clock::now() + 20us;
    }
    while (!g.is_idle() || !g.is_answered())
        loop.turned(g.turn(is_its_own));
}

void print_row(const char* phase, const char* requests, const tally& now, const tally& before) {
    std::printf("%-11s %7llu %s", phase, count(now.submitted - before.submitted), requests);
    for (std::size_t f = 0; f != now.ended.size(); ++f)
        std::printf(" %9llu", count(now.ended[f] - before.ended[f]));
    std::printf(" %9llu %6llu\n", count(now.messages - before.messages), count(now.late - before.late));
}

/// All that an exchange can do to its gateway, from which it recovers each time.
void bad_day(gateway& g, exchange& e) {
    std::printf("exchange is    requests      done  rejected    failed timed out   refused  messages   late\n");
    for (const phase& p : phases) {
        const tally orders = g.orders.counts(), quotes = g.quotes.counts();
        const std::uint64_t opens = to_exchange.stats().totals.opens;
        e.next(p.exchange, p.requests);
        trade(g, p);
        print_row(p.name, "orders", g.orders.counts(), orders);
        print_row("", "quotes", g.quotes.counts(), quotes);
        if (const std::uint64_t opened = to_exchange.stats().totals.opens - opens; opened != 0)
            std::printf("            circuit: openings %llu, now %s\n", count(opened), name(to_exchange.state()));
        if (p.exchange == mood::flaky)
            must(g.quotes.counts().again != quotes.again, "a quote that fails is asked for again");
        if (p.exchange == mood::stalled)
            must(g.orders.counts().late != orders.late, "an answer to what was given up is late");
    }
}

void check(const tally& orders, const tally& quotes, const tally& bare, const exchange::totals& seen) {
    for (const tally& t : {orders, quotes, bare})
        must(t.submitted == t.ended_in_all(), "every request ends exactly once");
    must(seen.out_of_order == 0 && seen.requests == orders.messages + quotes.messages + bare.messages,
         "the exchange gets every message, in order");
    must(seen.answers == orders.answers + orders.late + quotes.answers + quotes.late + bare.answers + bare.late,
         "every answer comes in time or late");
    must(orders.messages == orders.submitted - orders.of(fate::refused), "no order is sent twice");

    const keel::circuit_totals c = to_exchange.stats().totals;
    must(c.calls == orders.messages + quotes.messages && c.ignored == 0 && c.calls == c.successes + c.failures + c.late,
         "the circuit counts every message");
    must(c.rejected == orders.of(fate::refused) + quotes.of(fate::refused), "the circuit counts what it refuses");
}

struct options {
    int seconds = 1;
    std::string svg;
};
options read(int argc, char** argv) {
    options o;
    for (int i = 1; i < argc; i += 2) {
        const std::string_view option = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
        const char* const end = value.data() + value.size();
        if (option == "--svg" && !value.empty())
            o.svg = value;
        else if (option != "--seconds")
            throw std::invalid_argument("usage: order_gateway [--seconds N] [--svg FILE]");
        else if (std::from_chars(value.data(), end, o.seconds).ptr != end || o.seconds < 1 || o.seconds > 60)
            throw std::invalid_argument("--seconds must be at least 1 and at most 60");
    }
    return o;
}

int main(int argc, char** argv) try {
    const options o = read(argc, argv);
    const std::size_t most = 200'000 * static_cast<std::size_t>(o.seconds); // far more than one by one can be sent
    variants warm_up{{{"without keel", latencies(most)}, {"with keel", latencies(most)}}};
    variants measured{{{"without keel", latencies(most)}, {"with keel", latencies(most)}}};

    auto [near, far] = connected();
    exchange e(std::move(far));
    tally orders, quotes, bare;
    {
        gateway g{std::move(near)};
        const std::uint64_t allocated = allocations;
        bad_day(g, e);
        measure(g, 100ms, warm_up);
        measure(g, std::chrono::seconds(o.seconds), measured);
        while (!g.is_answered()) // what was given up
            g.turn([](const request&, const answer&) {});
        must(allocations == allocated, "the loop allocates nothing");
        orders = g.orders.counts();
        quotes = g.quotes.counts();
        bare = g.bare_orders.counts();
    }
    check(orders, quotes, bare, e.join());

    std::printf("\n");
    print_picture(measured);
    std::printf("\n");
    print_table(measured);
    const double cost = cost_of_keel();
    std::printf("begin() and success() cost %.1f ns an order: %.2f %% of the median round trip\n", cost,
                cost / measured[0].round_trips.percentile(0.5) / 10);
    if (!o.svg.empty()) svg_picture(measured).write(o.svg);
} catch (const std::exception& e) {
    std::fprintf(stderr, "order_gateway: %s\n", e.what());
    return 1;
}
