// SPDX-License-Identifier: BSL-1.0
#include <keel/detail/lesser.hpp>

#include <doctest/doctest.h>

#include <limits>

using keel::detail::lesser;

TEST_CASE("the lesser of two is what std::min says, of equals and of not-a-number too") {
    CHECK(lesser(1, 2) == 1);
    CHECK(lesser(2, 1) == 1);
    CHECK(lesser(-1, 1) == -1);
    CHECK(lesser(3, 3) == 3);
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(lesser(1.0, nan) == 1.0);
    CHECK(lesser(nan, 1.0) != 1.0);
}
