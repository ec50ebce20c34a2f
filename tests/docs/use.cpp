// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <concepts>
#include <expected>

namespace {
int fetch(int key, std::chrono::nanoseconds at_most = std::chrono::nanoseconds::max()) {
    assert(at_most > std::chrono::nanoseconds(0));
    return key + 1;
}
} // namespace

using namespace std::chrono_literals;

constexpr auto chain = keel::timeout(5s) |
                       keel::retry<keel::exp_jitter>({.attempts = 3, .backoff = {.base = 5ms, .cap = 200ms}}) |
                       keel::breaker<keel::sliding_window>({.window = {.calls = 100}, .failure_rate = 0.5});

template <keel::executable Guard> // code that is handed a pipeline
int ask(Guard& guard, int key) {
    return guard([&] { return fetch(key); });
}

int main() {
    const int key = 41;

    keel::pipeline p{chain};                            // configuration held at run time
    keel::static_pipeline<chain, keel::cached_clock> s; // every constant folded into the code

    int v = p([&] { return fetch(key); }); // throws keel::rejected when refused
    auto r = p([&](const keel::context& c) { return fetch(key, c.remaining()); });
    auto e = p.attempt([&] { return fetch(key); }); // std::expected<int, keel::failure>: never throws

    auto safe_fetch = p.wrap([](int k) { return fetch(k); }); // a callable with the same parameters

    static_assert(std::same_as<decltype(e), std::expected<int, keel::failure>>);
    assert(v == 42 && r == 42 && e == 42 && safe_fetch(key) == 42 && ask(p, key) == 42 && ask(s, key) == 42);
}
