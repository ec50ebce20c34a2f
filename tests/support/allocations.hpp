#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <cstddef>

// What is allocated by `operator new`, and by `aligned_alloc`, as Asio does. Only where allocations.cpp is linked;
// always 0 under sanitizers, which have an `aligned_alloc` of their own, and look for leaks themselves.

namespace support {

/// Whether they are counted: not under a sanitizer.
bool counts_allocations() noexcept;
/// How many blocks there have been so far.
long allocations() noexcept;
/// The size of the largest one since this was asked last; 0 if there was none.
std::size_t largest_allocation() noexcept;
/// How many of `operator new` have not been given back.
long live_blocks() noexcept;

} // namespace support
