// SPDX-License-Identifier: BSL-1.0
// What a fallback answers with, and what its function is told.
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/fallback.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using keel::errc;
using keel::fallback;
using support::result;

namespace {
/// An error that no rejection can be put into: results are widened.
struct own_error {
    int code;
};
using own_result = std::expected<int, own_error>;
own_result own_bad() { return std::unexpected(own_error{7}); }
int throws() { throw std::runtime_error("thrown"); }

/// An expected-like type that is not std::expected, with no constructor that takes std::in_place.
template <class T>
class look_alike {
  public:
    using value_type = T;
    using error_type = std::error_code;
    look_alike(T value)
      : value_(std::move(value)) {}
    explicit look_alike(std::error_code e)
      : error_(e) {}
    bool has_value() const { return !error_; }
    const T& operator*() const { return value_; }
    const std::error_code& error() const { return error_; }

  private:
    T value_{};
    std::error_code error_;
};

int plain_function() { return 41; }
int told_function(const keel::failure& why) { return why.exception() ? 42 : 0; }
} // namespace

TEST_CASE("a value answers for every kind of result that it converts to") {
    keel::pipeline p{fallback(3)};
    CHECK(p(throws) == 3);
    CHECK(p.attempt(throws) == 3);
    CHECK(p([]() -> double { throw 1; }) == 3.0);
    CHECK(p([]() -> std::int64_t { throw 1; }) == 3);
    CHECK(p([]() -> std::optional<int> { throw 1; }) == 3);
    CHECK(p(support::bad) == 3);
    CHECK(p.attempt(support::bad) == 3);
    CHECK(p(own_bad) == 3);
    CHECK(p.attempt(own_bad) == 3);
    CHECK(p([]() -> std::expected<long, std::error_code> { throw 1; }) == 3);
    CHECK(*p([]() -> look_alike<int> { return look_alike<int>(std::make_error_code(std::errc::io_error)); }) == 3);
}

TEST_CASE("a value may be of any type that can be copied, and stays what it is") {
    keel::pipeline p{fallback("none")};
    for (int i = 0; i < 3; ++i) {
        CHECK(p([]() -> std::string { throw 1; }) == "none");
        CHECK(p.attempt([]() -> std::string { throw 1; }) == "none");
    }
    keel::pipeline q{fallback(std::vector<int>{1, 2})};
    for (int i = 0; i < 3; ++i)
        CHECK(q([]() -> std::vector<int> { throw 1; }) == std::vector<int>{1, 2});
    keel::pipeline empty{fallback(std::nullopt)};
    CHECK(empty([]() -> std::optional<int> { throw 1; }) == std::nullopt);
}

TEST_CASE("for a reference the value in the pipeline itself answers") {
    keel::pipeline p{fallback(std::string("none"))};
    const auto failing = []() -> const std::string& { throw 1; };
    const std::string& answer = p(failing);
    CHECK(answer == "none");
    CHECK(&answer == &p.get<0>().instead);
    CHECK(p.attempt(failing).value() == &answer);
}

TEST_CASE("a function that returns a reference answers for one") {
    int spare = 5;
    keel::pipeline p{fallback([&]() -> int& { return spare; })};
    CHECK(&p([]() -> int& { throw 1; }) == &spare);
    CHECK(p.attempt([]() -> int& { throw 1; }).value() == &spare);
    CHECK(&p([]() -> const int& { throw 1; }) == &spare);
    CHECK(p(throws) == 5);
}

TEST_CASE("a function that returns nothing answers for one that returns nothing") {
    int answers = 0;
    keel::pipeline p{fallback([&] { ++answers; })};
    p([] { throw 1; });
    CHECK(answers == 1);
    CHECK(p.attempt([] { throw 1; }).has_value());
    CHECK(p([]() -> std::expected<void, std::error_code> {
              return std::unexpected(std::make_error_code(std::errc::io_error));
          }).has_value());
    CHECK(p([]() -> std::expected<void, own_error> { return std::unexpected(own_error{1}); }).has_value());
    CHECK(p.attempt([]() -> std::expected<void, own_error> { return std::unexpected(own_error{1}); }).has_value());
    CHECK(!p([] { return std::make_error_code(std::errc::io_error); }));
    CHECK(p.attempt([] { return std::make_error_code(std::errc::io_error); }).has_value());
    CHECK(answers == 7);
}

TEST_CASE("for an error code another one may answer, or a success") {
    const auto bad = [] { return std::make_error_code(std::errc::io_error); };
    keel::pipeline p{fallback(std::error_code())};
    CHECK(!p(bad));
    keel::pipeline q{fallback([] { return errc::throttled; })};
    CHECK(q(bad) == errc::throttled);
}

TEST_CASE("functions of all kinds answer: with a failure, with a context too, or with nothing") {
    const auto answer = [](auto f) { return keel::pipeline<keel::chain<decltype(fallback(f))>>{fallback(f)}(throws); };
    CHECK(answer([] { return 1; }) == 1);
    CHECK(answer([](const keel::failure& why) { return why.exception() ? 2 : 0; }) == 2);
    CHECK(answer([](keel::failure why) { return why.exception() ? 3 : 0; }) == 3);
    CHECK(answer([](const auto& why) { return why.exception() ? 4 : 0; }) == 4);
    CHECK(answer([](const keel::failure& why, const keel::context& c) {
              return why.exception() ? static_cast<int>(c.attempt()) + 4 : 0;
          }) == 5);
    CHECK(answer([](const auto& why, const auto& c) {
              return why.exception() ? static_cast<int>(c.attempt()) + 5 : 0;
          }) == 6);
    CHECK(answer(&plain_function) == 41);
    CHECK(answer(plain_function) == 41);
    CHECK(answer(&told_function) == 42);
    CHECK(answer(std::function<int(const keel::failure&)>(&told_function)) == 42);
    // What takes most is told most.
    CHECK(answer([](auto&&... all) { return static_cast<int>(sizeof...(all)); }) == 2);
}

TEST_CASE("a function object that is the very value that is asked for is a value") {
    using function = std::function<int()>;
    keel::pipeline p{fallback(function([] { return 3; }))};
    CHECK(p([]() -> function { throw 1; })() == 3);
    CHECK(p(throws) == 3);
}

TEST_CASE("a function is told the exception, the error or the rejection") {
    keel::manual_clock clock;
    constexpr auto at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 30s});
    std::vector<std::string> told;
    const auto note = [&](const auto& why) {
        std::string s;
        if (why.exception()) s = "exception";
        if (why.is_rejection())
            s = std::string(keel::message(why.reason())) + (why.retry_after() > 20s ? ", wait" : "");
        if constexpr (requires { why.error()->code; }) {
            if (why.error() != nullptr) s = "own " + std::to_string(why.error()->code);
        } else if constexpr (requires { why.error()->message(); }) {
            if (why.error() != nullptr) s = why.error()->message();
        }
        told.push_back(s);
        return 0;
    };
    const auto each = [&](auto call) {
        told.clear();
        keel::pipeline p{fallback(note) | at_once, clock};
        call(p);
        call(p);
        return told;
    };
    using list = std::vector<std::string>;
    const std::string io = std::make_error_code(std::errc::io_error).message();
    CHECK(each([](auto& p) { CHECK(p(throws) == 0); }) == list{"exception", "circuit open, wait"});
    CHECK(each([](auto& p) { CHECK(p.attempt(throws) == 0); }) == list{"exception", "circuit open, wait"});
    CHECK(each([](auto& p) { CHECK(p(own_bad) == 0); }) == list{"own 7", "circuit open, wait"});
    CHECK(each([](auto& p) { CHECK(p.attempt(own_bad) == 0); }) == list{"own 7", "circuit open, wait"});
    CHECK(each([](auto& p) { CHECK(p(support::bad) == 0); }) == list{io, "circuit open, wait"});
    CHECK(each([](auto& p) { CHECK(p.attempt(support::bad) == 0); }) == list{io, "circuit open, wait"});
}

TEST_CASE("an exception of a function that returns an expected is told as an exception") {
    keel::pipeline p{fallback([](const keel::basic_failure<own_error>& why) {
        CHECK(why.error() == nullptr);
        return why.exception() ? 1 : 0;
    })};
    CHECK(p([]() -> own_result { throw 1; }) == 1);
}

TEST_CASE("const keel::failure& takes every failure") {
    keel::pipeline p{fallback([](const keel::failure& why) { return why.is_rejection() ? 1 : 2; })};
    CHECK(p(throws) == 2);
    CHECK(p(support::bad) == 2);
    CHECK(p(own_bad) == 2);
}

TEST_CASE("the function is called once for each failure, on the thread of the call") {
    int answers = 0;
    std::thread::id on;
    keel::pipeline p{fallback([&] {
                         on = std::this_thread::get_id();
                         return ++answers;
                     }) |
                     keel::timeout | keel::breaker<>};
    for (int i = 1; i <= 3; ++i)
        CHECK(p(throws) == i);
    CHECK(p([] { return 9; }) == 9);
    CHECK(answers == 3);
    CHECK(on == std::this_thread::get_id());
}

TEST_CASE("the context of a fallback's function is that of the call around it") {
    keel::manual_clock clock;
    struct {
        bool stop_requested() const noexcept { return true; }
    } stop;
    std::vector<std::chrono::nanoseconds> left;
    std::vector<std::uint32_t> attempts;
    const auto note = [&](const keel::failure&, const keel::context& c) {
        left.push_back(c.remaining());
        attempts.push_back(c.attempt());
        return c.stop_requested() ? 2 : 1;
    };
    keel::pipeline p{keel::timeout(100ms) | fallback(note) | keel::timeout(40ms) |
                         keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}}),
                     clock};
    const auto failing = [&]() -> int { clock.advance(5ms), throw 1; };
    CHECK(p(failing) == 1);
    CHECK(p(keel::context(stop), failing) == 2);
    CHECK(left == std::vector<std::chrono::nanoseconds>{65ms, 95ms});
    CHECK(attempts == std::vector<std::uint32_t>{3, 1});

    keel::pipeline refused{fallback(note) | keel::breaker<>, clock};
    refused.circuit().force_open();
    CHECK(refused([] { return 9; }) == 1);
    CHECK(attempts.back() == 0);
    CHECK(left.back() == std::chrono::nanoseconds::max());
}

TEST_CASE("an exception of the function becomes the outcome, in every channel") {
    keel::pipeline p{fallback([]() -> int { throw std::logic_error("fallback"); })};
    CHECK_THROWS_WITH_AS(p(throws), "fallback", std::logic_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(p(support::bad)), "fallback", std::logic_error);
    CHECK_THROWS_WITH_AS(static_cast<void>(p(own_bad)), "fallback", std::logic_error);
    const auto r = p.attempt(own_bad);
    REQUIRE(!r);
    CHECK(r.error().error() == nullptr);
    CHECK_THROWS_WITH_AS(r.error().raise(), "fallback", std::logic_error);
}

TEST_CASE("an exception of the copy of a value becomes the outcome") {
    struct copied_at_first {
        int* left;
        explicit copied_at_first(int* n)
          : left(n) {}
        copied_at_first(const copied_at_first& other)
          : left(other.left) {
            if (*left == 0) throw std::logic_error("copy");
        }
        copied_at_first& operator=(const copied_at_first&) = delete;
    };
    int left = 1;
    keel::pipeline p{fallback(copied_at_first(&left))};
    left = 0;
    CHECK_THROWS_AS(p([]() -> copied_at_first { throw 1; }), std::logic_error);
}

TEST_CASE("an error of the function becomes the outcome, in every channel that has errors") {
    keel::pipeline p{fallback([]() -> result { return std::unexpected(std::make_error_code(std::errc::timed_out)); })};
    CHECK(p(support::bad).error() == std::errc::timed_out);
    CHECK(*p.attempt(support::bad).error().error() == std::errc::timed_out);
    keel::pipeline own{fallback([]() -> own_result { return std::unexpected(own_error{8}); }) | keel::timeout};
    const auto widened = own(own_bad);
    static_assert(
        std::is_same_v<decltype(widened), const std::expected<int, keel::error_of<own_error, errc::timed_out>>>);
    REQUIRE(widened.error().error() != nullptr);
    CHECK(widened.error().error()->code == 8);
    CHECK(own.attempt(own_bad).error().error()->code == 8);
    keel::pipeline value{fallback([]() -> own_result { return 6; })};
    CHECK(value(own_bad) == 6);
    CHECK(value.attempt(own_bad) == 6);
}

TEST_CASE("a function's error and value are converted to those of the guarded one") {
    keel::pipeline p{fallback([](const auto& why) -> std::expected<short, errc> {
        if (why.error() != nullptr && *why.error() == std::errc::io_error) return std::unexpected(errc::throttled);
        return static_cast<short>(4);
    })};
    CHECK(p(support::bad).error() == errc::throttled);
    CHECK(*p.attempt(support::bad).error().error() == errc::throttled);
    CHECK(p([]() -> result { throw 1; }) == 4);
    keel::pipeline nothing{fallback([]() -> std::expected<void, std::error_code> { return {}; })};
    CHECK(nothing([]() -> std::expected<void, std::error_code> { throw 1; }).has_value());
    CHECK(nothing.attempt([]() -> std::expected<void, std::error_code> { throw 1; }).has_value());
}

TEST_CASE("another pipeline may answer, and its refusal is the outcome") {
    keel::manual_clock clock;
    keel::pipeline replica{keel::breaker<>, clock};
    keel::pipeline p{fallback([&] { return replica(support::good); }), clock};
    CHECK(p(support::bad) == 1);
    replica.circuit().force_open();
    CHECK(p(support::bad).error() == errc::circuit_open);
    keel::pipeline q{fallback([&] { return replica([] { return 1; }); }), clock};
    CHECK_THROWS_AS(q(throws), keel::rejected);
}

TEST_CASE("results and errors that can only be moved are") {
    keel::pipeline p{fallback([] { return std::make_unique<int>(5); })};
    CHECK(*p([]() -> std::unique_ptr<int> { throw 1; }) == 5);
    CHECK(**p.attempt([]() -> std::unique_ptr<int> { throw 1; }) == 5);
    using moved = std::expected<int, std::unique_ptr<int>>;
    keel::pipeline q{fallback([](const keel::basic_failure<std::unique_ptr<int>>& why) { return **why.error(); })};
    CHECK(q([]() -> moved { return std::unexpected(std::make_unique<int>(6)); }) == 6);
    CHECK(q.attempt([]() -> moved { return std::unexpected(std::make_unique<int>(6)); }) == 6);
    keel::pipeline r{fallback([]() -> moved { return std::unexpected(std::make_unique<int>(7)); })};
    CHECK(**r([]() -> moved { return std::unexpected(std::make_unique<int>(6)); }).error().error() == 7);
}

TEST_CASE("the error of a nested attempt is told as it is") {
    keel::pipeline inner{keel::breaker<>};
    inner.circuit().force_open();
    keel::pipeline p{fallback([](const keel::failure& why) { return why == errc::circuit_open ? 5 : 0; })};
    CHECK(p([&] { return inner.attempt([] { return 1; }); }) == 5);
}
