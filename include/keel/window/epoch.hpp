#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"

#include <cstddef>
#include <cstdint>

namespace keel::detail {

/// The number of the bucket that `at` is in, where buckets are `length` nanoseconds long and start at whole multiples
/// of that.
constexpr std::int64_t epoch_number(time_point at, std::int64_t length) noexcept {
    const std::int64_t t = at.time_since_epoch().count();
    return t / length - (t % length < 0 ? 1 : 0);
}

/// The place of a bucket in a ring.
constexpr std::size_t epoch_index(std::int64_t number, std::size_t ring) noexcept {
    const std::int64_t i = number % static_cast<std::int64_t>(ring); // of the sign of the number
    return static_cast<std::size_t>(i < 0 ? i + static_cast<std::int64_t>(ring) : i);
}

} // namespace keel::detail
