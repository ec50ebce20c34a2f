#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "macros.hpp"

#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace keel::detail {

/// Throws `std::system_error`; without exceptions prints `what` and ends the program.
[[noreturn]] KEEL_COLD inline void fail(std::errc reason, const char* what) {
#if KEEL_HAS_EXCEPTIONS
    throw std::system_error(std::make_error_code(reason), what);
#else
    static_cast<void>(reason);
    std::fprintf(stderr, "%s\n", what);
    std::abort();
#endif
}

} // namespace keel::detail
