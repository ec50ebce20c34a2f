// SPDX-License-Identifier: BSL-1.0

// A client asks a front by HTTP, and that asks a back. The deadline goes along in a header of each request. Who gets
// one takes the nearer one of that and of its own timeout, and sends on what is left then.

#include "local_http.hpp"

#include <keel/deadline.hpp>
#include <keel/keel.hpp>

#include <atomic>
#include <cassert>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>

using namespace std::chrono_literals;
using namespace local_http;

constexpr const char* timeout_ms = "x-envoy-expected-rq-timeout-ms";

int main() {
    std::atomic<int> backs_calls{0};
    server back([&](const request& asked) {
        ++backs_calls;
        const auto received = keel::from_timeout_ms(header(asked, timeout_ms));
        if (!received) return reply(status::bad_request, received.error().rule);
        return reply(status::ok, std::to_string(received->remaining().count()));
    });

    keel::pipeline guard{keel::timeout(10min) | keel::breaker<keel::consecutive_failures>};
    server front([&](const request& asked) {
        const bool has_deadline = asked.count("grpc-timeout") != 0;
        const auto received = has_deadline ? keel::from_grpc_timeout(header(asked, "grpc-timeout")) : keel::context();
        if (!received) return reply(status::bad_request, received.error().rule);
        const auto had = received->remaining();
        answer r = guard(*received, [&](const keel::context& c) {
            request next = get();
            if (const auto left = keel::to_timeout_ms(c)) set_header(next, timeout_ms, left->view());
            return ask(back.address(), next, c);
        });
        if (!r)
            return reply(r.error() == std::errc::timed_out ? status::gateway_timeout : status::bad_gateway,
                         r.error().message());
        set_header(*r, "front-had", std::to_string(had.count()));
        return *r;
    });
    const auto ns = [](std::string_view text) { return std::chrono::nanoseconds(std::stoll(std::string(text))); };

    // The client's deadline is the nearer one.
    keel::pipeline client{keel::timeout(5min)};
    const answer r = client([&](const keel::context& c) {
        request first = get();
        if (const auto left = keel::to_grpc_timeout(c)) set_header(first, "grpc-timeout", left->view());
        return ask(front.address(), first, c);
    });
    assert(r && ns(header(*r, "front-had")) < 5min);
    assert(ns(r->body()) < ns(header(*r, "front-had"))); // less at each hop
    std::cout << "of 300 s the front had " << ns(header(*r, "front-had")) << ", the back " << ns(r->body()) << '\n';

    const auto asked_with = [&](const char* timeout) {
        request direct = get();
        if (timeout != nullptr) set_header(direct, "grpc-timeout", timeout);
        return ask(front.address(), direct, keel::context()).value();
    };
    // The front's own timeout is, or there is no other.
    assert(ns(asked_with("2H").body()) < 10min);
    assert(ns(asked_with(nullptr).body()) < 10min);
    assert(backs_calls == 3);

    // No time is left: the back is not asked.
    assert(asked_with("0n").result() == status::gateway_timeout);
    // What is no timeout is not taken for none.
    const response refused = asked_with("5 min");
    assert(refused.result() == status::bad_request);
    assert(backs_calls == 3);
    std::cout << refused.body() << '\n';

    // Nobody answers: whoever asks knows when to stop waiting.
    boost::asio::io_context io;
    const tcp::acceptor silent(io, {boost::asio::ip::address_v4::loopback(), 0});
    keel::pipeline hasty{keel::timeout(20ms)};
    const answer none = hasty([&](const keel::context& c) { return ask(silent.local_endpoint(), get(), c); });
    assert(none.error() == keel::errc::timed_out);
}
