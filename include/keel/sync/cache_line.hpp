#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <cstddef>

namespace keel {

/// Bytes that two threads must not share if each writes its own part. A constant and not
/// `std::hardware_destructive_interference_size`, whose value may differ between translation units (GCC warns of it).
inline constexpr std::size_t cache_line = 64;

} // namespace keel
