#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/circuit_stats.hpp>

#include <doctest/doctest.h>

namespace support {

inline void check_zero(const keel::window_counts& c) {
    CHECK(c.calls == 0);
    CHECK(c.failed == 0);
    CHECK(c.slow == 0);
    CHECK(c.slow_failed == 0);
}
inline void check_zero(const keel::circuit_totals& t) {
    CHECK(t.calls == 0);
    CHECK(t.successes == 0);
    CHECK(t.failures == 0);
    CHECK(t.ignored == 0);
    CHECK(t.slow == 0);
    CHECK(t.late == 0);
    CHECK(t.rejected == 0);
    CHECK(t.opens == 0);
}

} // namespace support
