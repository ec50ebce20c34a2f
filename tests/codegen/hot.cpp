// SPDX-License-Identifier: BSL-1.0
#include "hot.hpp"

using namespace std::chrono_literals;

namespace {
constexpr auto chain = keel::timeout(50ms) | keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>;
keel::static_pipeline<chain, keel::cached_clock> fixed;
keel::pipeline stored{chain, keel::cached_clock{}};
} // namespace

int hot_raw(int key) { return fetch(key); }
int hot_static(int key) {
    return fixed([&] { return fetch(key); });
}
int hot_stored(int key) {
    return stored([&] { return fetch(key); });
}
