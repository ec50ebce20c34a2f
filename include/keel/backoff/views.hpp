#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"
#include "../random.hpp"
#include "backoff.hpp"

#include <range/v3/view/iota.hpp>
#include <range/v3/view/transform.hpp>

#include <chrono>
#include <cstdint>

namespace keel::views {

/// The delays of a backoff as a lazy view: endless, forward, and readable by several threads at once, so that a
/// schedule can be composed of it: `retry_on(keel::views::delays(keel::exponential{}) | ranges::views::take(5))`. With
/// jitter each reading of a delay draws it anew. Not for `decorrelated_jitter`, whose delays depend on the ones before:
/// iterate over that backoff itself.
template <backoff B>
auto delays(const B& b) {
    return ranges::views::iota(std::uint32_t{1}) | ranges::views::transform([b](std::uint32_t n) {
               return std::chrono::nanoseconds(b.delay(n, nanos(0), thread_random()));
           });
}

} // namespace keel::views
