// SPDX-License-Identifier: BSL-1.0
#include <keel/detail/failure_of.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <expected>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

using keel::basic_failure;
using keel::errc;
using keel::outcome_of;
using keel::detail::failure_of;
using keel::detail::take_failure;

namespace {
using widened = std::expected<int, keel::error_of<std::string, errc::timed_out>>;

static_assert(std::is_same_v<failure_of<int>, keel::failure>);
static_assert(std::is_same_v<failure_of<keel::detail::unit>, keel::failure>);
static_assert(std::is_same_v<failure_of<keel::detail::ref_to<int>>, keel::failure>);
static_assert(std::is_same_v<failure_of<std::error_code>, basic_failure<std::error_code>>);
static_assert(std::is_same_v<failure_of<std::expected<void, std::string>>, basic_failure<std::string>>);
static_assert(std::is_same_v<failure_of<widened>, basic_failure<std::string>>);
static_assert(std::is_same_v<failure_of<std::expected<int, keel::failure>>, keel::failure>);
static_assert(std::is_same_v<failure_of<std::expected<int, basic_failure<int>>>, basic_failure<int>>);
} // namespace

TEST_CASE("a rejection is taken with its time to wait, and an exception as it is") {
    outcome_of<int> o;
    o.reject(errc::rate_limited, std::chrono::seconds(3));
    CHECK(take_failure(o) == errc::rate_limited);
    CHECK(take_failure(o).retry_after() == std::chrono::seconds(3));
    const auto thrown = std::make_exception_ptr(1);
    o.threw(thrown);
    CHECK(take_failure(o).exception() == thrown);
    CHECK(!take_failure(o).is_rejection());
}

TEST_CASE("an error is moved from where it stands, whatever it stands in") {
    using pointer = std::unique_ptr<int>;
    outcome_of<std::expected<int, pointer>> plain;
    plain.emplace([] { return std::unexpected(std::make_unique<int>(1)); });
    CHECK(**take_failure(plain).error() == 1);
    CHECK(*take_failure(plain).error() == nullptr);

    outcome_of<std::expected<int, keel::error_of<pointer, errc::timed_out>>> wide;
    wide.emplace([] {
        return std::expected<int, keel::error_of<pointer, errc::timed_out>>(std::unexpect, std::in_place_index<0>,
                                                                            std::make_unique<int>(2));
    });
    CHECK(**take_failure(wide).error() == 2);

    outcome_of<std::expected<int, basic_failure<pointer>>> tried;
    tried.emplace([] {
        return std::expected<int, basic_failure<pointer>>(std::unexpect, std::in_place, std::make_unique<int>(3));
    });
    CHECK(**take_failure(tried).error() == 3);

    outcome_of<std::error_code> code;
    code.emplace([] { return std::make_error_code(std::errc::io_error); });
    CHECK(*take_failure(code).error() == std::errc::io_error);
}

TEST_CASE("a rejection that stands for a result is taken for one") {
    outcome_of<widened> wide;
    wide.emplace([] {
        return widened(std::unexpect,
                       keel::error_of<std::string, errc::timed_out>::of(errc::timed_out, keel::nanos(5)));
    });
    CHECK(take_failure(wide) == errc::timed_out);
    CHECK(take_failure(wide).retry_after() == keel::nanos(5));
    CHECK(take_failure(wide).error() == nullptr);
    outcome_of<std::expected<int, keel::failure>> tried;
    tried.emplace([] { return std::expected<int, keel::failure>(std::unexpect, errc::throttled); });
    CHECK(take_failure(tried) == errc::throttled);
}

TEST_CASE("of a value nothing is said, and it stays") {
    outcome_of<std::expected<std::string, int>> o;
    o.emplace([] { return std::string("kept"); });
    const auto none = take_failure(o);
    CHECK(!none.is_rejection());
    CHECK(!none.exception());
    CHECK(none.error() == nullptr);
    CHECK(o.result()->value() == "kept");
}
