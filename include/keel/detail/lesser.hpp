#pragma once
// SPDX-License-Identifier: BSL-1.0

namespace keel::detail {

/// `std::min`, without <algorithm>: its parallel and its range overloads would be a good part of what `keel.hpp` costs
/// to compile.
template <class T>
constexpr T lesser(T a, T b) noexcept {
    return b < a ? b : a;
}

} // namespace keel::detail
