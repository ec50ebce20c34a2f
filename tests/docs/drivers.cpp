// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <expected>
#include <system_error>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

namespace {
constexpr auto chain = keel::timeout(1s) | keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});

int fetch(int key, std::chrono::nanoseconds = 1s) { return key; }

void blocking() {
    const int key = 1;
    // clang-format off
    keel::pipeline p{chain};
    const int value = p([&](const keel::context& c) { return fetch(key, c.remaining()); });
    // clang-format on
    assert(value == key);
}

/// A connection that answers when it is told to.
struct connection {
    bool is_open = true;
    int sent = 0;
    bool send(keel::time_point) { return ++sent, is_open; }
};

template <class Pipeline>
keel::errc usage(Pipeline& p, connection& server) {
    auto t = p.begin();
    if (!t) return t.error(); // refused: an errc
    server.send(t.deadline());
    // ... later, on any thread:
    t.success();
    return {};
}

struct timers {
    template <class F>
    void after(keel::nanos delay, F f) {
        time.advance(delay);
        f();
    }
    keel::manual_clock time;
};

// clang-format off
template <class Ticket>
struct request {
    Ticket ticket;
    connection& server;
    timers& timer;

    void go_on() {
        if (ticket)
            server.send(ticket.deadline());
        else if (ticket.waiting())
            timer.after(ticket.delay(), [this] { ticket.resume(), go_on(); });
        else
            end(ticket.result());
    }
    void answered(bool well) {
        if (well)
            ticket.success();
        else
            ticket.failure();
        go_on();
    }
    void end(std::expected<void, std::error_code> result);
};
// clang-format on
int ended_well = 0;
template <class Ticket>
void request<Ticket>::end(std::expected<void, std::error_code> result) {
    ended_well += result.has_value();
}

void loop() {
    timers timer;
    connection server;
    keel::pipeline p{chain, timer.time};
    request<decltype(p.begin())> r{p.begin(), server, timer};
    r.go_on();
    r.answered(false);
    r.answered(false);
    r.answered(true);
    assert(server.sent == 3 && ended_well == 1);
}

void waits() {
    keel::manual_clock time;
    keel::pipeline p{chain, time};
    auto t = p.begin();
    // clang-format off
    if (const keel::again next = t.failure(std::make_error_code(std::errc::connection_refused)))
        assert(t.waiting() && next.delay == 10ms);
    // clang-format on
    time.advance(10ms);
    assert(t.resume() && t.attempt() == 2);
    // clang-format off
    t.failure(std::make_error_code(std::errc::device_or_resource_busy), 500ms); // what the callee asked for
    assert(t.delay() == 500ms);
    // clang-format on
}

void late() {
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(50ms), time};
    auto t = p.begin();
    time.advance(51ms);
    t.success();
    assert(t.error() == keel::errc::timed_out);
}

void answered() {
    keel::pipeline p{keel::fallback([] {}) | keel::breaker<keel::consecutive_failures>};
    auto t = p.begin();
    t.failure();
    assert(t.result());
}
} // namespace

int main() {
    blocking();
    connection server;
    keel::pipeline p{chain};
    assert(usage(p, server) == keel::errc{} && server.sent == 1);
    loop();
    waits();
    late();
    answered();
}
