// SPDX-License-Identifier: BSL-1.0
// What a fallback answers with, from a call's point of view: test_fallback_answers.cpp.
#include <keel/detail/result_from.hpp>

#include <doctest/doctest.h>

#include <any>
#include <expected>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <type_traits>

using keel::errc;
using keel::detail::contents;
using keel::detail::gives_result;
using keel::detail::ref_to;
using keel::detail::result_from;
using keel::detail::unit;

namespace {
struct own {};
using code_result = std::expected<int, std::error_code>;
using widened = std::expected<int, keel::error_of<own, errc::timed_out>>;
using tried = std::expected<int, keel::basic_failure<own>>;
using tried_plain = std::expected<int, keel::failure>;

static_assert(std::is_same_v<contents<int>::value, int> && std::is_void_v<contents<int>::error>);
static_assert(std::is_void_v<contents<unit>::value> && std::is_same_v<contents<ref_to<int>>::value, int&>);
static_assert(std::is_same_v<contents<widened>::error, own> && std::is_same_v<contents<tried>::error, own>);
static_assert(std::is_void_v<contents<tried_plain>::error>);
static_assert(std::is_same_v<contents<std::expected<ref_to<int>, keel::failure>>::value, int&>);

// Values.
static_assert(gives_result<int, int> && gives_result<short, int> && gives_result<const char*, std::string>);
static_assert(!gives_result<void, int> && !gives_result<std::string, int> && !gives_result<int, std::string>);
static_assert(!gives_result<int*, int> && !gives_result<int, std::unique_ptr<int>>); // only by explicit construction
static_assert(gives_result<int, code_result> && gives_result<int, widened> && gives_result<int, tried>);
static_assert(!gives_result<std::string, code_result> && !gives_result<void, code_result>);

// Nothing, and no value in its place.
static_assert(gives_result<void, unit> && !gives_result<int, unit>);
static_assert(gives_result<void, std::expected<void, own>> && !gives_result<int, std::expected<void, own>>);

// References: to the same, to a base, to const; never to what ends with the expression.
struct base {};
struct derived : base {};
static_assert(gives_result<int&, ref_to<int>> && gives_result<int&, ref_to<const int>>);
static_assert(gives_result<derived&, ref_to<base>> && !gives_result<base&, ref_to<derived>>);
static_assert(!gives_result<const int&, ref_to<int>> && !gives_result<int, ref_to<const int>>);
static_assert(!gives_result<short&, ref_to<const int>> && !gives_result<void, ref_to<int>>);
static_assert(gives_result<const int&, std::expected<ref_to<const int>, keel::failure>>);

// Values or errors.
static_assert(gives_result<code_result, code_result> && gives_result<const code_result&, code_result>);
static_assert(gives_result<std::expected<short, errc>, code_result>);
static_assert(!gives_result<std::expected<int, own>, code_result> && !gives_result<code_result, widened>);
static_assert(!gives_result<std::expected<std::string, std::error_code>, code_result>);
static_assert(!gives_result<std::expected<void, std::error_code>, code_result>);
static_assert(gives_result<std::expected<int, own>, widened> && gives_result<std::expected<int, own>, tried>);
static_assert(gives_result<widened, widened> && !gives_result<tried, widened>);
static_assert(!gives_result<code_result, int> && !gives_result<code_result, tried_plain>);

// Error codes.
static_assert(gives_result<void, std::error_code> && gives_result<errc, std::error_code>);
static_assert(gives_result<std::error_code, std::error_code> && !gives_result<int, std::error_code>);
} // namespace

TEST_CASE("a value becomes what the lane carries") {
    CHECK(result_from<int>([] { return 1; }) == 1);
    CHECK(result_from<std::string>([] { return "text"; }) == "text");
    CHECK(result_from<code_result>([] { return 2; }) == 2);
    CHECK(result_from<widened>([] { return 3; }) == 3);
    CHECK(result_from<tried>([] { return 4; }) == 4);
    const int referred = 5;
    CHECK(result_from<ref_to<const int>>([&]() -> const int& { return referred; }).target == &referred);
    using tried_ref = std::expected<ref_to<const int>, keel::failure>;
    CHECK(result_from<tried_ref>([&]() -> const int& { return referred; })->target == &referred);
    int calls = 0;
    static_cast<void>(result_from<unit>([&] { ++calls; }));
    CHECK(result_from<std::expected<void, own>>([&] { ++calls; }).has_value());
    CHECK(!result_from<std::error_code>([&] { ++calls; }));
    CHECK(calls == 3);
}

TEST_CASE("an error becomes the user's error in what the lane carries") {
    const auto failed = []() -> std::expected<int, own> { return std::unexpected(own{}); };
    CHECK(result_from<widened>(failed).error().error() != nullptr);
    CHECK(result_from<tried>(failed).error().error() != nullptr);
    const auto refused = []() -> std::expected<int, errc> { return std::unexpected(errc::throttled); };
    CHECK(result_from<code_result>(refused).error() == errc::throttled);
    CHECK(result_from<std::error_code>([] { return errc::throttled; }) == errc::throttled);
}

TEST_CASE("an expected that is itself what is asked for is not taken apart") {
    using nested = std::expected<std::expected<int, own>, std::error_code>;
    const auto inner = [] { return std::expected<int, own>(std::unexpect); };
    CHECK(!result_from<nested>(inner)->has_value());
    using anything = std::expected<std::any, std::error_code>;
    const auto r = result_from<anything>([]() -> anything { return std::any(7); });
    CHECK(std::any_cast<int>(*r) == 7);
}
