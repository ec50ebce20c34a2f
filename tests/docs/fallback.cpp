// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <expected>
#include <stdexcept>
#include <system_error>

using namespace std::chrono_literals;

namespace {
int fetch(int key) {
    if (key < 0) throw std::out_of_range("no such key");
    if (key == 0) throw std::runtime_error("no route");
    return key;
}

void usage() {
    int key = 0;
    keel::pipeline p{keel::fallback(42) | keel::timeout | keel::retry<keel::exp_jitter>({.backoff = {.base = 1us}})};
    const int found = p([&] { return fetch(key); });
    assert(found == 42);
    key = 7;
    assert(p([&] { return fetch(key); }) == 7);
}

void told() {
    const int stale = 41;
    keel::pipeline p{keel::fallback([&](const keel::failure& why, const keel::context& c) {
                         if (why == keel::errc::circuit_open) return stale;
                         return why.exception() && c.attempt() > 1 ? -2 : -1;
                     }) |
                     keel::breaker<>({.minimum_calls = 1})};
    assert(p([] { return fetch(0); }) == -1);
    assert(p([] { return fetch(1); }) == stale);
}

enum class parse_error { bad_header, bad_length };

void told_the_error() {
    keel::pipeline p{keel::fallback([](const keel::basic_failure<parse_error>& why) {
        return why.error() != nullptr && *why.error() == parse_error::bad_length ? 1 : 2;
    })};
    const auto parsed = p([]() -> std::expected<int, parse_error> { return std::unexpected(parse_error::bad_length); });
    assert(parsed == 1);
}

void chosen() {
    // What is picked gets the answer, and nothing else.
    constexpr auto no_key = keel::fallback(0).failing_on<std::out_of_range>();
    constexpr auto when_open = keel::fallback(0).failing_if([](keel::errc e) { return e == keel::errc::circuit_open; });
    // Everything but what is ignored.
    constexpr auto not_logic = keel::fallback(0).ignoring<std::logic_error>();

    keel::pipeline p{no_key};
    keel::pipeline q{when_open | keel::breaker<>({.minimum_calls = 1})};
    keel::pipeline r{not_logic};
    assert(p([] { return fetch(-1); }) == 0);
    assert(!p.attempt([] { return fetch(0); }));
    assert(!q.attempt([] { return fetch(0); }));
    assert(q([] { return fetch(0); }) == 0);
    assert(!r.attempt([] { return fetch(-1); }));
    assert(r([] { return fetch(0); }) == 0);
}

void fails_itself() {
    keel::pipeline replica{keel::timeout};
    const auto read_replica = []() -> std::expected<int, std::error_code> {
        return std::unexpected(make_error_code(std::errc::host_unreachable));
    };
    const auto read = []() -> std::expected<int, std::error_code> {
        return std::unexpected(make_error_code(std::errc::io_error));
    };
    keel::pipeline p{keel::fallback([&] { return replica(read_replica); })};
    assert(p(read).error() == std::errc::host_unreachable);
}

void of_nothing() {
    int lost = 0;
    keel::pipeline p{keel::fallback([&] { ++lost; })};
    p([] { fetch(0); });
    assert(lost == 1);
}

void seen_by_a_breaker() {
    constexpr auto at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}});
    const auto failing = [] { return fetch(0); };

    keel::pipeline counted{keel::fallback(0) | at_once};
    keel::pipeline unseen{at_once | keel::fallback(0)};
    assert(counted(failing) == 0 && unseen(failing) == 0);
    assert(counted.circuit().state() == keel::circuit_state::open);
    assert(unseen.circuit().state() == keel::circuit_state::closed);
}

void cancelled() {
    keel::pipeline p{keel::fallback(0)};
    const auto r = p([]() -> std::expected<int, std::error_code> {
        return std::unexpected(make_error_code(std::errc::operation_canceled));
    });
    assert(r.error() == std::errc::operation_canceled);
}
} // namespace

int main() {
    usage();
    told();
    told_the_error();
    chosen();
    fails_itself();
    of_nothing();
    seen_by_a_breaker();
    cancelled();
}
