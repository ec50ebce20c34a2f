// SPDX-License-Identifier: BSL-1.0
#include <keel/deadline.hpp>
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>

using namespace std::chrono_literals;

namespace {

struct message {
    std::map<std::string, std::string, std::less<>> headers;
    void set(std::string_view name, std::string_view value) { headers.insert_or_assign(std::string(name), value); }
};

int send(const message&) { return 200; }
int bad_request(std::string_view) { return 400; }

void sending() {
    keel::pipeline p{keel::timeout(5min)};
    message request;
    const int status = p([&](const keel::context& c) {
        if (const auto left = keel::to_grpc_timeout(c)) request.set("grpc-timeout", left->view());
        return send(request);
    });
    assert(status == 200 && *keel::parse_grpc_timeout(request.headers["grpc-timeout"]) <= keel::nanos(5min));
}

keel::pipeline guard{keel::timeout(5min) | keel::retry<keel::exp_jitter>};

int work(const keel::context& c) {
    assert(c.remaining() <= 1min);
    return 200;
}

int serve(const message& request) {
    const auto header = request.headers.find("grpc-timeout");
    if (header == request.headers.end()) return guard([] { return 200; });
    const auto received = keel::from_grpc_timeout(header->second);
    if (!received) return bad_request(received.error().rule);
    return guard(*received, [](const keel::context& c) { return work(c); });
}

void in_full() {
    assert(keel::to_grpc_timeout(20ms)->view() == "20000000n");
    assert(keel::to_grpc_timeout(5s)->view() == "5000000u");
    assert(keel::to_timeout_ms(5s)->view() == "5000");
    assert(keel::parse_grpc_timeout("20m") == keel::nanos(20ms));
    assert(keel::parse_timeout_ms("20") == keel::nanos(20ms));
    assert(keel::parse_grpc_timeout("20 ms").error().code == std::errc::invalid_argument);
    assert(keel::parse_grpc_timeout("99999999H").error().code == std::errc::result_out_of_range);
}

void by_another_clock() {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms), clock};
    const auto received = keel::from_grpc_timeout("20m", p.clock());
    p(*received, [&](const keel::context& c) {
        clock.advance(5ms);
        assert(keel::to_timeout_ms(c)->view() == "15");
    });
}

void with_a_ticket() {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms), clock};
    const auto received = keel::from_grpc_timeout("20m", p.clock());
    auto t = p.begin(*received);
    const auto left = keel::to_grpc_timeout(keel::context(t.deadline(), p.clock()));
    assert(left->view() == "20000000n");
    t.success();
}

void stopped() {
    const std::stop_source connection;
    const auto received = keel::from_grpc_timeout("1M");
    const std::stop_token closed = connection.get_token();
    const keel::context call(closed, received->deadline());
    assert(guard(call, [](const keel::context& c) { return work(c); }) == 200);
}

void too_late() {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(1s), clock};
    keel::pipeline without{keel::retry<keel::exp_jitter>, clock};
    const auto received = keel::from_grpc_timeout("0n", clock);
    assert(p.attempt(*received, [] { return 1; }).error() == keel::errc::timed_out);
    assert(without.attempt(*received, [] { return 1; }) == 1);
}

} // namespace

int main() {
    sending();
    message request;
    assert(serve(request) == 200);
    request.set("grpc-timeout", "1M");
    assert(serve(request) == 200);
    request.set("grpc-timeout", "1 M");
    assert(serve(request) == 400);
    in_full();
    by_another_clock();
    with_a_ticket();
    stopped();
    too_late();
}
