// SPDX-License-Identifier: BSL-1.0
#include <keel/facts.hpp>

#include <doctest/doctest.h>

#include <cstdint>

TEST_CASE("a product of counts ends at the largest count") {
    constexpr std::uint64_t most = ~std::uint64_t{0};
    const auto product = keel::detail::saturated_product;
    CHECK(product(6, 7) == 42);
    CHECK(product(6, 0) == 0);
    CHECK(product(0, most) == 0);
    CHECK(product(most, 1) == most);
    CHECK(product(most, 2) == most);
    CHECK(product(most / 3, 3) == most);
    CHECK(product(most / 3 + 1, 3) == most);
}
