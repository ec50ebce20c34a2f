// SPDX-License-Identifier: BSL-1.0

#include "work.hpp"

namespace bench {

// In a translation unit of its own: no row may see what the callee does.
int work(int n) { return n + 1; }
std::expected<int, std::error_code> failing_work(int) {
    return std::unexpected(std::make_error_code(std::errc::connection_refused));
}
int throwing_work(int n) { throw n; }

} // namespace bench
