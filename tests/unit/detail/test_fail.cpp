// SPDX-License-Identifier: BSL-1.0
#include <keel/detail/fail.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <system_error>

TEST_CASE("what can't be had is thrown as a system_error with its reason and what it was") {
    try {
        keel::detail::fail(std::errc::not_supported, "keel::thing: not to be had");
    } catch (const std::system_error& e) {
        CHECK(e.code() == std::errc::not_supported);
        CHECK(std::string(e.what()).starts_with("keel::thing: not to be had"));
        return;
    }
    FAIL("must throw");
}
