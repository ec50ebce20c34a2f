// SPDX-License-Identifier: BSL-1.0
#include <keel/outcome.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <expected>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;
using keel::ending;
using keel::errc;
using keel::outcome_of;

namespace {
using expected = std::expected<int, std::error_code>;

/// Counts how many of it live. Neither copied nor moved.
struct living {
    int* alive;
    explicit living(int* a)
      : alive(a) {
        ++*alive;
    }
    living(const living&) = delete;
    living& operator=(const living&) = delete;
    ~living() { --*alive; }
};
} // namespace

TEST_CASE("an outcome is nothing at first, and that is no success") {
    const outcome_of<int> o;
    CHECK(!o.returned());
    CHECK(!o.succeeded());
    CHECK(o.result() == nullptr);
    CHECK(o.exception() == nullptr);
    CHECK(o.rejection() == errc{});
    CHECK(o.default_ending() == ending::failed);
}

TEST_CASE("a returned value is a success") {
    outcome_of<int> o;
    o.emplace([] { return 7; });
    CHECK(o.returned());
    CHECK(o.succeeded());
    CHECK(*o.result() == 7);
    CHECK(o.default_ending() == ending::succeeded);
    CHECK(o.retry_after() == 0ns);
}

TEST_CASE("a returned error is returned, and no success") {
    outcome_of<expected> o;
    o.emplace([]() -> expected { return std::unexpected(std::make_error_code(std::errc::io_error)); });
    CHECK(o.returned());
    CHECK(!o.succeeded());
    CHECK(o.result()->error() == std::errc::io_error);
    CHECK(o.default_ending() == ending::failed);
}

TEST_CASE("an exception is a failure without a result") {
    outcome_of<int> o;
    o.threw(std::make_exception_ptr(std::logic_error("x")));
    CHECK(!o.returned());
    CHECK(o.result() == nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(o.exception()), std::logic_error);
    CHECK(o.default_ending() == ending::failed);
}

TEST_CASE("a refusal says that nothing was tried: then nothing took too long") {
    outcome_of<int> o;
    o.refuse(errc::timed_out);
    CHECK(o.rejection() == errc::timed_out);
    CHECK(o.default_ending() == ending::ignored);
    o.refuse(errc::injected);
    CHECK(o.default_ending() == ending::failed);
    o.refuse(errc::circuit_open, keel::nanos(5));
    CHECK(o.retry_after() == keel::nanos(5));
    CHECK(o.default_ending() == ending::ignored);
    o.reject(errc::timed_out);
    CHECK(o.default_ending() == ending::failed);
}

TEST_CASE("a rejection says nothing about the callee, except that it took too long") {
    outcome_of<int> o;
    for (const auto& [reason, ends] :
         {std::pair(errc::timed_out, ending::failed), std::pair(errc::circuit_open, ending::ignored),
          std::pair(errc::refused, ending::ignored)}) {
        o.reject(reason);
        CHECK(o.rejection() == reason);
        CHECK(o.default_ending() == ends);
        CHECK(!o.returned());
        CHECK(!o.succeeded());
    }
}

TEST_CASE("whatever an outcome was, it is replaced as a whole") {
    outcome_of<int> o;
    o.emplace([] { return 1; });
    o.reject(errc::timed_out);
    CHECK(o.result() == nullptr);
    o.threw(std::make_exception_ptr(1));
    CHECK(o.rejection() == errc{});
    o.reject(errc::circuit_open);
    CHECK(o.exception() == nullptr);
    o.emplace([] { return 2; });
    CHECK(*o.result() == 2);
    CHECK(o.rejection() == errc{});
    o.threw(std::make_exception_ptr(1));
    CHECK(o.result() == nullptr);
    o.emplace([] { return 3; });
    CHECK(o.exception() == nullptr);
    CHECK(o.succeeded());
}

TEST_CASE("a result is built in its place and destroyed once, whatever becomes of the outcome") {
    int alive = 0;
    {
        outcome_of<living> o;
        o.emplace([&] { return living(&alive); });
        CHECK(alive == 1);
        o.emplace([&] { return living(&alive); });
        CHECK(alive == 1);
        SUBCASE("as it is") {}
        SUBCASE("rejected") { o.reject(errc::timed_out); }
        SUBCASE("rejected, and then replaced") {
            o.reject(errc::timed_out);
            o.emplace([&] { return living(&alive); });
            CHECK(alive == 1);
        }
        SUBCASE("replaced by an exception") {
            o.threw(std::make_exception_ptr(1));
            CHECK(alive == 0);
        }
    }
    CHECK(alive == 0);
}

TEST_CASE("an outcome is moved with what it holds, be that a result or nothing") {
    using held = std::unique_ptr<int>;
    outcome_of<held> from;
    outcome_of<held> nothing(std::move(from));
    CHECK(nothing.result() == nullptr);
    from.emplace([] { return std::make_unique<int>(7); });
    outcome_of<held> to(std::move(from));
    CHECK(**to.result() == 7);
    outcome_of<held>& same = to;
    to = std::move(same);
    CHECK(**to.result() == 7);
    nothing = std::move(to);
    CHECK(**nothing.result() == 7);
    outcome_of<held> thrown;
    thrown.threw(std::make_exception_ptr(1));
    nothing = std::move(thrown);
    CHECK(nothing.result() == nullptr);
    CHECK(nothing.exception() != nullptr);
}

TEST_CASE("an outcome whose replacement fails is nothing, and holds nothing") {
    int alive = 0;
    {
        outcome_of<living> o;
        o.emplace([&] { return living(&alive); });
        CHECK_THROWS_AS(o.emplace([]() -> living { throw std::logic_error("x"); }), std::logic_error);
        CHECK(alive == 0);
        CHECK(!o.returned());
        CHECK(!o.succeeded());
    }
    CHECK(alive == 0);
}

TEST_CASE("an error code in an outcome is a success exactly if it is none") {
    outcome_of<std::error_code> o;
    o.emplace([] { return std::error_code(); });
    CHECK(o.succeeded());
    o.emplace([] { return std::make_error_code(std::errc::io_error); });
    CHECK(o.returned());
    CHECK(!o.succeeded());
}

TEST_CASE("a result has the retry-after that its driver hints at, and what takes its place has none") {
    outcome_of<std::error_code> o;
    const auto fails = [] { return std::make_error_code(std::errc::io_error); };
    o.emplace(fails);
    CHECK(o.retry_after() == 0ns);
    o.hint(5ns);
    CHECK(o.retry_after() == 5ns);
    o.emplace(fails);
    CHECK(o.retry_after() == 0ns);
    o.refuse(errc::rate_limited, 7ns);
    o.emplace(fails);
    CHECK(o.retry_after() == 0ns);
    o.hint(5ns);
    o.threw(std::make_exception_ptr(1));
    CHECK(o.retry_after() == 0ns);
}
