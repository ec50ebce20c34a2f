#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/error.hpp>

#include <doctest/doctest.h>

namespace support {

/// Runs `inside` while a call of `p` has its permit.
template <class Pipeline, class Inside>
void with_a_call_in(Pipeline& p, Inside inside) {
    REQUIRE(p.attempt([&] { inside(); }).has_value());
}

/// Why a call of `p` is refused; `errc{}` if it is not.
template <class Pipeline>
keel::errc refusal_of(Pipeline& p) {
    const auto r = p.attempt([] { return 1; });
    return r ? keel::errc{} : r.error().reason();
}

} // namespace support
