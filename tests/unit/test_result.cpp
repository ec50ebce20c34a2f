// SPDX-License-Identifier: BSL-1.0
#include "support/look_alike.hpp"

#include <keel/result.hpp>

#include <doctest/doctest.h>

#include <expected>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>

using namespace keel::detail;
using keel::errc;

namespace {
const auto io_error = std::make_error_code(std::errc::io_error);
using expected = std::expected<int, std::error_code>;
using support::look_alike;
using support::plain_look_alike;
} // namespace

TEST_CASE("a value is ok, whatever it is; an error is not, in an expected and as an error code") {
    CHECK(is_ok(0));
    CHECK(is_ok(false));
    CHECK(is_ok(unit{}));
    CHECK(is_ok(std::string()));
    CHECK(is_ok(expected(1)));
    CHECK(!is_ok(expected(std::unexpect, io_error)));
    CHECK(is_ok(std::expected<void, int>()));
    CHECK(!is_ok(std::expected<void, int>(std::unexpect, 0)));
    CHECK(is_ok(look_alike<int, int>(1)));
    CHECK(!is_ok(look_alike<int, int>(std::unexpected(1))));
    CHECK(is_ok(std::error_code()));
    CHECK(!is_ok(io_error));
}

TEST_CASE("an error is put into any type of the shape of expected, in the way that it takes one") {
    CHECK(from_error<expected>(io_error).error() == io_error);
    CHECK(from_error<std::expected<void, std::string>>("x").error() == "x");
    CHECK(from_error<look_alike<int, std::error_code>>(io_error).error() == io_error);
    CHECK(from_error<plain_look_alike<int, std::error_code>>(io_error).error() == io_error);
    CHECK(*from_error<std::expected<int, std::unique_ptr<int>>>(std::make_unique<int>(4)).error() == 4);
}

TEST_CASE("the function's own error is found wherever the pipeline puts it") {
    CHECK(*error_in(expected(std::unexpect, io_error)) == io_error);
    CHECK(*error_in(io_error) == io_error);
    CHECK(*error_in(look_alike<int, int>(std::unexpected(7))) == 7);
    using widened = std::expected<int, keel::error_of<std::string, errc::timed_out>>;
    CHECK(*error_in(widened(std::unexpect, "x")) == "x");
    CHECK(error_in(widened(std::unexpect, keel::timed_out{})) == nullptr);
    using tried = std::expected<int, keel::basic_failure<std::string>>;
    CHECK(*error_in(tried(std::unexpect, std::in_place, "x")) == "x");
    CHECK(error_in(tried(std::unexpect, errc::timed_out)) == nullptr);
    CHECK(error_in(tried(std::unexpect, std::make_exception_ptr(1))) == nullptr);
    CHECK(error_in(std::expected<int, keel::failure>(std::unexpect, errc::timed_out)) == nullptr);
    CHECK(error_in(5) == nullptr);
}
