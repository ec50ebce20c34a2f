#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <array>
#include <cstddef>

namespace support {

/// Chi squared of `counts`, which add up to `drawn`, against a uniform distribution.
template <std::size_t N>
double chi_squared(const std::array<int, N>& counts, int drawn) {
    const double expected = static_cast<double>(drawn) / static_cast<double>(N);
    double sum = 0;
    for (const int n : counts)
        sum += (n - expected) * (n - expected) / expected;
    return sum;
}

} // namespace support
