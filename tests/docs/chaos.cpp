// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <expected>
#include <stdexcept>
#include <string>
#include <system_error>

using namespace std::chrono_literals;

namespace {
using answer = std::expected<int, std::error_code>;
int fetch(int key) { return key; }

std::atomic<bool> drill{false}; // turned on by whoever watches

void usage() {
    const int key = 7;
    keel::pipeline p{keel::timeout(1s) | keel::retry<keel::exp_jitter>({.backoff = {.base = 1us}}) |
                     keel::breaker<keel::sliding_window> |
                     keel::chaos({.rate = 0.05, .enabled = &drill}).latency(200us).fault()};
    const answer found = p([&]() -> answer { return fetch(key); });
    assert(found == key);
    drill = true;
    for (int i = 0; i < 100; ++i) {
        const answer r = p([&]() -> answer { return fetch(key); });
        assert(r == key || r.error() == keel::errc::injected || r.error() == keel::errc::circuit_open);
    }
    drill = false;
}

void kinds() {
    constexpr auto some = keel::chaos({.rate = 0.02});
    constexpr auto down = some.fault();
    constexpr auto slow = some.latency(50ms);
    constexpr auto slow_and_down = some.latency(50ms).fault(); // both, in the same calls
    constexpr auto either = some.latency(50ms) | some.fault(); // each in calls of its own
    constexpr auto wrong = some.result(-1);
    constexpr auto broken = some.result([]() -> int { throw std::runtime_error("connection reset"); });
    constexpr auto other_error =
        some.result([]() -> answer { return std::unexpected(make_error_code(std::errc::connection_reset)); });

    int dropped = 0;
    const auto forgetful = some.behavior([&] { ++dropped; }); // runs first, then the call goes on

    keel::pipeline p{slow_and_down({.rate = 1}), keel::manual_clock{}};
    assert(p.attempt([] { return 1; }).error() == keel::errc::injected);
    keel::pipeline q{forgetful({.rate = 1}) | down({}) | slow({}) | wrong({.rate = 1})};
    assert(q([] { return 1; }) == -1 && dropped == 1);
    keel::pipeline r{broken({.rate = 1})};
    assert(r.attempt([] { return 1; }).error().exception());
    keel::pipeline s{other_error({.rate = 1}) | either};
    assert(s([]() -> answer { return 1; }).error() == std::errc::connection_reset);
}

void chosen() {
    const auto is_hurried = [](const keel::context& c) { return c.remaining() < 100ms; };
    keel::pipeline p{keel::chaos({.rate = 1}).fault().when(is_hurried), keel::manual_clock{}};
    assert(p([] { return 1; }) == 1);
    const keel::context hurried(keel::time_point(50ms));
    assert(!p.attempt(hurried, [] { return 1; }));
}

std::string calls_of(auto& p) {
    std::string seen;
    for (int i = 0; i < 12; ++i)
        seen += p.attempt([] { return 1; }) ? '.' : '!';
    return seen;
}

void repeatable() {
    keel::pipeline p{keel::named<"drill">(keel::chaos({.rate = 0.3, .seed = 3}).fault())};
    assert(calls_of(p) == "!..!!.!.....");
    const std::uint64_t hit = p.get<"drill">().injected();
    assert(hit == 4);
}

void placed() {
    constexpr auto at_once = keel::breaker<>({.minimum_calls = 1});
    constexpr auto fault = keel::chaos({.rate = 1}).fault();
    keel::pipeline seen{at_once | fault};
    keel::pipeline unseen{fault | at_once};
    static_cast<void>(seen.attempt([] { return 1; }));
    static_cast<void>(unseen.attempt([] { return 1; }));
    assert(seen.circuit().state() == keel::circuit_state::open);
    assert(unseen.circuit().state() == keel::circuit_state::closed);
}
} // namespace

int main() {
    usage();
    kinds();
    chosen();
    repeatable();
    placed();
}
