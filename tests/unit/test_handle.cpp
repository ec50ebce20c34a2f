// SPDX-License-Identifier: BSL-1.0
#include <keel/handle.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <expected>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

using keel::ending;
using keel::outcome_of;

namespace {
using expected = std::expected<int, std::error_code>;
const auto io_error = std::make_error_code(std::errc::io_error);
const auto busy = std::make_error_code(std::errc::device_or_resource_busy);

template <class H, class R>
ending of(const H& h, R r) {
    outcome_of<R> o;
    o.emplace([&]() -> R { return std::move(r); });
    return h(o);
}
template <class H, class E>
ending of_thrown(const H& h, E e) {
    outcome_of<int> o;
    o.threw(std::make_exception_ptr(e));
    return h(o);
}
template <class... E>
constexpr keel::detail::exception_types<E...> thrown{};
template <class Test>
constexpr keel::detail::predicate<Test> where(Test test) {
    return {test};
}
constexpr keel::handle<> by_default{};
constexpr auto is_zero = [](int v) { return v == 0; };
constexpr auto is_busy = [](const std::error_code& e) { return e == std::errc::device_or_resource_busy; };
} // namespace

TEST_CASE("without selectors a value is a success, an error and an exception are failures") {
    CHECK(of(by_default, 0) == ending::succeeded);
    CHECK(of(by_default, keel::detail::unit{}) == ending::succeeded);
    CHECK(of(by_default, expected(0)) == ending::succeeded);
    CHECK(of(by_default, expected(std::unexpect, io_error)) == ending::failed);
    CHECK(of(by_default, std::error_code()) == ending::succeeded);
    CHECK(of(by_default, io_error) == ending::failed);
    CHECK(of_thrown(by_default, std::runtime_error("x")) == ending::failed);
    CHECK(of_thrown(by_default, 1) == ending::failed);
}

TEST_CASE("a failing selector for exceptions makes the others successes, and leaves values and errors alone") {
    const auto h = by_default.failing_too(thrown<std::runtime_error, int>);
    CHECK(of_thrown(h, std::range_error("derived")) == ending::failed);
    CHECK(of_thrown(h, 1) == ending::failed);
    CHECK(of_thrown(h, std::logic_error("x")) == ending::succeeded);
    CHECK(of_thrown(h, 'c') == ending::succeeded);
    CHECK(of(h, 0) == ending::succeeded);
    CHECK(of(h, expected(std::unexpect, io_error)) == ending::failed);
}

TEST_CASE("a failing selector for values leaves errors and exceptions alone") {
    const auto h = by_default.failing_too(where(is_zero));
    CHECK(of(h, 0) == ending::failed);
    CHECK(of(h, 1) == ending::succeeded);
    CHECK(of(h, expected(0)) == ending::failed);
    CHECK(of(h, expected(1)) == ending::succeeded);
    CHECK(of(h, expected(std::unexpect, io_error)) == ending::failed);
    CHECK(of_thrown(h, 1) == ending::failed);
    CHECK(of(h, std::string()) == ending::succeeded);
}

TEST_CASE("a failing selector for errors makes the others successes, and leaves values and exceptions alone") {
    const auto h = by_default.failing_too(where(is_busy));
    CHECK(of(h, expected(std::unexpect, busy)) == ending::failed);
    CHECK(of(h, expected(std::unexpect, io_error)) == ending::succeeded);
    CHECK(of(h, expected(0)) == ending::succeeded);
    CHECK(of(h, busy) == ending::failed);
    CHECK(of(h, io_error) == ending::succeeded);
    CHECK(of_thrown(h, 1) == ending::failed);
}

TEST_CASE("several failing selectors of one kind are joined by or") {
    const auto h = by_default.failing_too(where(is_zero)).failing_too(where([](int v) { return v > 9; }));
    CHECK(of(h, 0) == ending::failed);
    CHECK(of(h, 10) == ending::failed);
    CHECK(of(h, 5) == ending::succeeded);
    const auto t = by_default.failing_too(thrown<int>).failing_too(thrown<char>);
    CHECK(of_thrown(t, 1) == ending::failed);
    CHECK(of_thrown(t, 'c') == ending::failed);
    CHECK(of_thrown(t, 1.0) == ending::succeeded);
}

TEST_CASE("ignoring wins over failing, for each kind") {
    const auto values = by_default.failing_too(where(is_zero)).ignoring_too(where([](int v) { return v <= 0; }));
    CHECK(of(values, 0) == ending::ignored);
    CHECK(of(values, -1) == ending::ignored);
    CHECK(of(values, 1) == ending::succeeded);
    const auto errors = by_default.ignoring_too(where(is_busy)).failing_too(where(is_busy));
    CHECK(of(errors, expected(std::unexpect, busy)) == ending::ignored);
    const auto exceptions = by_default.failing_too(thrown<std::exception>).ignoring_too(thrown<std::logic_error>);
    CHECK(of_thrown(exceptions, std::logic_error("x")) == ending::ignored);
    CHECK(of_thrown(exceptions, std::runtime_error("x")) == ending::failed);
    CHECK(of_thrown(exceptions, 1) == ending::succeeded);
}

TEST_CASE("ignoring alone leaves what it does not select to the rule without selectors") {
    const auto h = by_default.ignoring_too(where(is_busy)).ignoring_too(thrown<int>);
    CHECK(of(h, expected(std::unexpect, io_error)) == ending::failed);
    CHECK(of_thrown(h, 1) == ending::ignored);
    CHECK(of_thrown(h, 'c') == ending::failed);
    CHECK(of(h, 0) == ending::succeeded);
}

TEST_CASE("a rejection further in is not up to selectors") {
    const auto h = by_default.failing_too(thrown<int>).ignoring_too(where([](auto&&) { return true; }));
    outcome_of<int> o;
    o.reject(keel::errc::timed_out);
    CHECK(h(o) == ending::failed);
    o.reject(keel::errc::circuit_open);
    CHECK(h(o) == ending::ignored);
}

TEST_CASE("selectors say whether they take a rejection as what becomes of it, for policies that ask") {
    using keel::errc;
    const keel::detail::selectors<> none;
    CHECK(!none.any_rejection(errc::circuit_open));
    const auto as_errc = none.with(where([](errc e) { return e == errc::circuit_open; }));
    CHECK(as_errc.any_rejection(errc::circuit_open));
    CHECK(!as_errc.any_rejection(errc::timed_out));
    const auto as_code = none.with(where([](std::error_code e) { return e == std::errc::timed_out; }));
    CHECK(as_code.any_rejection(errc::timed_out));
    CHECK(!as_code.any_rejection(errc::circuit_open));
    CHECK(!none.with(where([](int) { return true; })).any_rejection(errc::circuit_open));
    CHECK(none.with(thrown<keel::rejected>).any_rejection(errc::circuit_open));
    CHECK(none.with(thrown<int, std::exception>).any_rejection(errc::circuit_open));
    CHECK(!none.with(thrown<int, std::logic_error>).any_rejection(errc::circuit_open));
    CHECK(none.with(thrown<int>).with(thrown<std::system_error>).any_rejection(errc::circuit_open));
}

TEST_CASE("selectors see the function's own error where the pipeline has widened or wrapped it, and no rejection") {
    using widened = std::expected<int, keel::error_of<std::string, keel::errc::timed_out>>;
    using tried = std::expected<int, keel::basic_failure<std::string>>;
    const auto h = by_default.failing_too(where([](const std::string& s) { return s == "bad"; }));
    CHECK(of(h, widened(std::unexpect, "bad")) == ending::failed);
    CHECK(of(h, widened(std::unexpect, "meh")) == ending::succeeded);
    CHECK(of(h, widened(std::unexpect, keel::timed_out{})) == ending::failed);
    CHECK(of(h, tried(std::unexpect, std::in_place, "bad")) == ending::failed);
    CHECK(of(h, tried(std::unexpect, std::in_place, "meh")) == ending::succeeded);
    CHECK(of(h, tried(std::unexpect, keel::errc::timed_out)) == ending::failed);
}

TEST_CASE("the express lane is told of a success exactly where the cold one would find one") {
    const auto h = by_default.failing_too(where(is_zero)).ignoring_too(where([](int v) { return v < 0; }));
    for (const int v : {-1, 0, 1}) {
        CHECK(h.approves(v) == (of(h, v) == ending::succeeded));
        CHECK(h.approves(expected(v)) == (of(h, expected(v)) == ending::succeeded));
        CHECK(h.approves(keel::detail::ref_to<const int>{&v}) == h.approves(v));
        CHECK(h.approves(&v)); // a pointer is another value than what it points to
    }
    CHECK(by_default.approves(0));
    CHECK(h.approves(std::string()));
}

TEST_CASE("selectors concern the values that they take, and no others") {
    using h = decltype(by_default.failing_too(where(is_zero)));
    CHECK(h::concerns_value<int>());
    CHECK(h::concerns_value<expected>());
    CHECK(!h::concerns_value<std::string>());
    CHECK(!h::concerns_value<keel::detail::unit>());
    CHECK(!h::concerns_value<std::expected<void, int>>());
    CHECK(!keel::handle<>::concerns_value<int>());
}
