// SPDX-License-Identifier: BSL-1.0
// Which failures a fallback handles, and where it stands. What it answers with: test_fallback_answers.cpp.
#include "support/cold_only.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/explain.hpp>
#include <keel/fallback.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using keel::errc;
using keel::fallback;
using support::result;

namespace {
const auto cancelled = std::make_error_code(std::errc::operation_canceled);

/// Refuses whatever comes, on the healthy path or off it.
template <errc Reason>
struct refuses {
    static constexpr errc rejections[] = {Reason};
    bool fast_admit(keel::call&) const noexcept { return false; }
    bool fast_settle(keel::call&) const noexcept { return true; }
    keel::admission fast_refuse(keel::call&) const noexcept { return keel::refuse(Reason, 3s); }
    keel::admission admit(keel::call&, auto&) const { return keel::refuse(Reason, 3s); }
    keel::verdict settle(keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
};
constexpr refuses<errc::circuit_open> open;
constexpr refuses<errc::rate_limited> limited;

/// Counts what it holds; gives it back in `settle` or `abandon`, in whichever comes.
struct permits {
    int* held;
    keel::admission admit(keel::call&, auto&) const { return ++*held, keel::proceed; }
    keel::verdict settle(keel::call&, auto&, auto&) const { return --*held, keel::verdict::keep(); }
    void abandon(keel::call&, auto&) const noexcept { --*held; }
};

/// After each attempt, so that the call knows when that ended.
struct asks_the_time {
    keel::admission admit(keel::call&, auto&) const { return keel::proceed; }
    keel::verdict settle(keel::call& c, auto&, auto&) const { return c.now(), keel::verdict::keep(); }
};

/// What a policy makes of a failure: whether the answer, which is 0, came in its place.
template <class Policy, class F>
bool handles(const Policy& policy, F f) {
    keel::pipeline p{policy, keel::manual_clock{}};
    const auto r = p.attempt(f);
    keel::pipeline cold{support::cold_only<Policy>{policy}, keel::manual_clock{}};
    REQUIRE(cold.attempt(f).has_value() == r.has_value());
    return r.has_value() && *r == 0;
}
template <class Policy, class Refusing>
    requires keel::policy<Refusing>
bool handles_refusal(const Policy& policy, const Refusing& by) {
    keel::pipeline p{policy | by, keel::manual_clock{}};
    const auto r = p.attempt([] { return 1; });
    keel::pipeline cold{support::cold_only<Policy>{policy} | by, keel::manual_clock{}};
    REQUIRE(cold.attempt([] { return 1; }).has_value() == r.has_value());
    return r.has_value();
}
template <class E>
auto throwing(E e) {
    return [e]() -> int { throw e; };
}
template <class X>
auto returning(X error) {
    return [error]() -> std::expected<int, X> { return std::unexpected(error); };
}
auto value(int v) {
    return [v] { return v; };
}

constexpr auto is_open = [](errc e) { return e == errc::circuit_open; };
constexpr auto is_refused_io = [](std::error_code e) { return e == std::errc::io_error; };
constexpr auto is_negative = [](int v) { return v < 0; };
constexpr auto is_text = [](const std::string& s) { return s == "text"; };
} // namespace

TEST_CASE("fallback leaves a success alone") {
    keel::pipeline p{fallback(0)};
    CHECK(p(value(7)) == 7);
    CHECK(p.attempt(value(7)) == 7);
    CHECK(p(support::good) == 1);
    const std::string text = "text";
    keel::pipeline none{fallback(std::string("none"))};
    CHECK(&none([&]() -> const std::string& { return text; }) == &text);
}

TEST_CASE("without selectors fallback handles errors, exceptions and rejections") {
    CHECK(handles(fallback(0), throwing(std::runtime_error("x"))));
    CHECK(handles(fallback(0), throwing(1)));
    CHECK(handles(fallback(0), support::bad));
    CHECK(handles(fallback(0), returning(std::string("x"))));
    CHECK(handles(fallback(0), returning(std::errc::io_error)));
    CHECK(handles_refusal(fallback(0), open));
    CHECK(handles_refusal(fallback(0), limited));
}

TEST_CASE("without selectors fallback handles what a pipeline further in refused") {
    CHECK(handles(fallback(0), throwing(keel::rejected(errc::circuit_open))));
    CHECK(handles(fallback(0), returning(keel::make_error_code(errc::circuit_open))));
    CHECK(handles(fallback(0), returning(errc::bulkhead_full)));
    CHECK(handles(fallback(0), returning(keel::failure(errc::circuit_open))));
    keel::pipeline inner{open};
    keel::pipeline outer{fallback(0)};
    CHECK(outer([&] { return inner(value(1)); }) == 0);
    CHECK(outer([&] { return inner(support::good); }) == 0);
    CHECK(outer([&] { return inner.attempt(value(1)); }) == 0);
}

TEST_CASE("fallback lets pass what was cancelled, unless a selector picks it") {
    CHECK(!handles(fallback(0), throwing(std::system_error(cancelled))));
    CHECK(!handles(fallback(0), returning(cancelled)));
    CHECK(!handles(fallback(0), returning(std::errc::operation_canceled)));
    CHECK(!handles(fallback(0).ignoring<int>(), throwing(std::system_error(cancelled))));
    CHECK(!handles(fallback(0).ignoring_if(is_text), returning(cancelled)));
    CHECK(handles(fallback(0).failing_on<std::system_error>(), throwing(std::system_error(cancelled))));
    CHECK(handles(fallback(0).failing_if([](std::error_code e) { return e == cancelled; }), returning(cancelled)));
    // Of an error code too.
    keel::pipeline p{fallback([] {})};
    CHECK(p([] { return cancelled; }) == cancelled);
    CHECK(!p([] { return std::make_error_code(std::errc::io_error); }));
}

TEST_CASE("with failing selectors fallback handles what they pick and nothing else") {
    const auto on = fallback(0).failing_on<std::runtime_error, int>();
    CHECK(handles(on, throwing(std::range_error("x"))));
    CHECK(handles(on, throwing(1)));
    CHECK(!handles(on, throwing(std::logic_error("x"))));
    CHECK(!handles(on, support::bad));
    CHECK(!handles_refusal(fallback(0).failing_on<std::range_error, int>(), open));

    const auto by_error = fallback(0).failing_if(is_text);
    CHECK(handles(by_error, returning(std::string("text"))));
    CHECK(!handles(by_error, returning(std::string("other"))));
    CHECK(!handles(by_error, support::bad));
    CHECK(!handles(by_error, throwing(1)));
    CHECK(!handles_refusal(by_error, open));

    const auto either = fallback(0).failing_if(is_text).failing_on<int>();
    CHECK(handles(either, returning(std::string("text"))));
    CHECK(handles(either, throwing(1)));
    CHECK(!handles(either, throwing(std::string("text"))));
}

TEST_CASE("a rejection is selected by its errc") {
    const auto when_open = fallback(0).failing_if(is_open);
    CHECK(handles_refusal(when_open, open));
    CHECK(!handles_refusal(when_open, limited));
    CHECK(!handles(when_open, throwing(1)));
    CHECK(!handles(when_open, support::bad));
    // An errc that the function itself returns is an error like any other.
    CHECK(handles(when_open, returning(errc::circuit_open)));
    CHECK(!handles(when_open, returning(errc::throttled)));

    const auto unless_open = fallback(0).ignoring_if(is_open);
    CHECK(!handles_refusal(unless_open, open));
    CHECK(handles_refusal(unless_open, limited));
    CHECK(handles(unless_open, throwing(1)));
    CHECK(handles(unless_open, support::bad));
}

TEST_CASE("a rejection is selected as the std::error_code or the exception that it becomes") {
    const auto refused = fallback(0).failing_if([](std::error_code e) { return e == errc::circuit_open; });
    CHECK(handles_refusal(refused, open));
    CHECK(!handles_refusal(refused, limited));
    CHECK(!handles_refusal(fallback(0).failing_if(is_refused_io), open));
    CHECK(handles_refusal(fallback(0).failing_on<keel::rejected>(), open));
    CHECK(handles_refusal(fallback(0).failing_on<std::runtime_error>(), open));
    CHECK(handles_refusal(fallback(0).failing_on<int, std::exception>(), open));
    CHECK(!handles_refusal(fallback(0).failing_on<std::logic_error>(), open));
    CHECK(!handles_refusal(fallback(0).ignoring<keel::rejected>(), open));
    CHECK(handles_refusal(fallback(0).ignoring<std::logic_error>(), open));
}

TEST_CASE("ignoring wins over failing") {
    const auto p = fallback(0)
                       .failing_on<std::runtime_error>()
                       .ignoring<std::range_error>()
                       .failing_if(is_negative)
                       .ignoring_if([](int v) { return v == -1; })
                       .failing_if(is_text)
                       .ignoring_if([](const std::string& s) { return s.empty() || s == "text"; });
    CHECK(handles(p, throwing(std::runtime_error("x"))));
    CHECK(!handles(p, throwing(std::range_error("x"))));
    CHECK(handles(p, value(-2)));
    CHECK(!handles(p, value(-1)));
    CHECK(!handles(p, returning(std::string("text"))));
    CHECK(!handles_refusal(fallback(0).failing_if(is_open).ignoring_if(is_open), open));
}

TEST_CASE("ignoring alone handles everything else") {
    const auto p = fallback(0).ignoring<std::logic_error>().ignoring_if(is_text);
    CHECK(!handles(p, throwing(std::logic_error("x"))));
    CHECK(!handles(p, returning(std::string("text"))));
    CHECK(handles(p, throwing(1)));
    CHECK(handles(p, returning(std::string("other"))));
    CHECK(handles_refusal(p, open));
}

TEST_CASE("a value that a selector calls a failure gets the answer") {
    const auto p = fallback(0).failing_if(is_negative);
    CHECK(handles(p, value(-1)));
    CHECK(!handles(p, value(1)));
    CHECK(!handles(p, throwing(1)));
    keel::pipeline q{fallback([](const auto& why) {
                         CHECK(!why.is_rejection());
                         CHECK(!why.exception());
                         if constexpr (requires { why.error(); }) CHECK(why.error() == nullptr);
                         return 3;
                     }).failing_if(is_negative)};
    CHECK(q(value(-1)) == 3);
    CHECK(q([]() -> result { return -1; }) == 3);
    const int minus = -1;
    keel::pipeline r{fallback(5).failing_if(is_negative)};
    CHECK(r([&]() -> const int& { return minus; }) == 5);
}

TEST_CASE("a fallback without selectors says that it handles everything") {
    static_assert(fallback(0).handles_everything);
    static_assert(fallback([] {}).handles_everything);
    static_assert(!fallback(0).failing_on<int>().handles_everything);
    static_assert(!fallback(0).failing_if(is_open).handles_everything);
    static_assert(!fallback(0).ignoring<int>().handles_everything);
    static_assert(!fallback(0).ignoring_if(is_open).handles_everything);
}

TEST_CASE("a fallback of a value for everything says that it never fails") {
    static_assert(fallback(0).never_fails);
    static_assert(fallback(static_cast<const char*>("none")).never_fails);
    static_assert(decltype(fallback(std::string()))::never_fails);
    static_assert(!fallback(0).failing_on<int>().never_fails);
    static_assert(!fallback([] {}).never_fails);
    static_assert(!fallback([](const auto&) { return 0; }).never_fails);
    static_assert(!fallback(+[] { return 0; }).never_fails);
    struct sealed final {
        int operator()() const { return 0; }
    };
    static_assert(!fallback(sealed{}).never_fails);
}

TEST_CASE("explain tells of a fallback, and of no rejection that it answers for") {
    const auto all = keel::explain(fallback(0) | keel::timeout | keel::breaker<>);
    CHECK(all.text() == "fallback: answers for what fails\n"
                        "  timeout: bounds all that is inside, 1 s\n"
                        "    breaker: refuses while its circuit is open\n"
                        "      your function\n"
                        "at most 1 attempt in 1 s\n");
    const auto some = keel::explain(fallback(0).failing_on<int>() | keel::timeout);
    CHECK(some.text() == "fallback: answers for the failures it is for\n"
                         "  timeout: bounds all that is inside, 1 s\n"
                         "    your function\n"
                         "at most 1 attempt in 1 s; may be refused: timed out\n");
}

TEST_CASE("fallback says which rejections pass it, for the lane that refuses at once") {
    CHECK(!fallback(0).lets_pass(errc::circuit_open));
    CHECK(!fallback(0).failing_if(is_open).lets_pass(errc::circuit_open));
    CHECK(fallback(0).failing_if(is_open).lets_pass(errc::timed_out));
    CHECK(fallback(0).failing_on<int>().lets_pass(errc::circuit_open));
    CHECK(fallback(0).ignoring_if(is_open).lets_pass(errc::circuit_open));
    // A refusal that passes says still when to come again.
    keel::pipeline p{fallback(0).failing_on<int>() | open};
    CHECK(p.attempt(value(1)).error().retry_after() == 3s);
}

TEST_CASE("an exception of a selector passes through, and what policies further out took goes back") {
    const auto throws_on_errc = [](errc) -> bool { throw std::string("selector"); };
    const auto throws_on_code = [](std::error_code) -> bool { throw std::string("selector"); };
    int held = 0;
    keel::pipeline p{permits{&held} | fallback(0).failing_if(throws_on_errc) | open};
    keel::pipeline q{permits{&held} | fallback(0).failing_if(throws_on_code)};
    for (int i = 0; i < 3; ++i) {
        CHECK_THROWS_AS(p(value(1)), std::string);
        CHECK(p.attempt(value(1)).error().exception());
        CHECK_THROWS_AS(static_cast<void>(q(support::bad)), std::string);
    }
    CHECK(q(support::good) == 1);
    CHECK(held == 0);
    // Where a refusal takes no detour, too.
    const auto throwing_selector = fallback(0).failing_if(throws_on_errc);
    CHECK(!throwing_selector.lets_pass(errc::circuit_open));
    keel::pipeline r{throwing_selector | open};
    CHECK_THROWS_AS(r(value(1)), std::string);
}

TEST_CASE("what policies further out took goes back when the function of a fallback throws") {
    int held = 0;
    keel::pipeline p{permits{&held} | fallback([&]() -> int {
                         CHECK(held == 1);
                         throw 2;
                     })};
    CHECK_THROWS_AS(p(throwing(1)), int);
    CHECK(held == 0);
}

TEST_CASE("fallback answers for an open circuit, which goes on being open") {
    keel::manual_clock clock;
    keel::pipeline p{fallback(0) | keel::breaker<keel::consecutive_failures>({.window = {.failures = 2}}), clock};
    int calls = 0;
    for (int i = 0; i < 5; ++i)
        CHECK(p([&]() -> int { throw ++calls; }) == 0);
    CHECK(calls == 2);
    CHECK(p.circuit().state() == keel::circuit_state::open);
}

TEST_CASE("a breaker outside a fallback sees its answers") {
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) | fallback(0)};
    for (int i = 0; i < 5; ++i)
        CHECK(p(throwing(1)) == 0);
    CHECK(p.circuit().state() == keel::circuit_state::closed);
}

TEST_CASE("outside a retry a fallback answers for the last attempt, inside it for those that it is for") {
    constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
    keel::manual_clock clock;
    int calls = 0, answers = 0;
    const auto answer = [&] { return ++answers, 0; };
    keel::pipeline outside{fallback(answer) | thrice, clock};
    CHECK(outside([&]() -> int { throw ++calls; }) == 0);
    CHECK(calls == 3);
    CHECK(answers == 1);
    keel::pipeline inside{thrice | fallback(answer).failing_on<std::string>(), clock};
    CHECK(inside([&]() -> int { ++calls < 6 ? throw 1 : throw std::string(); }) == 0);
    CHECK(calls == 6);
    CHECK(answers == 2);
}

TEST_CASE("fallback answers for a timeout further in, and not for one further out") {
    keel::manual_clock clock;
    const auto slow = [&] { return clock.advance(60ms), 1; };
    keel::pipeline outside{fallback(0) | keel::timeout(50ms), clock};
    CHECK(outside(slow) == 0);
    keel::pipeline inside{keel::timeout(50ms) | fallback(0), clock};
    CHECK(inside.attempt(slow).error() == errc::timed_out);
}

TEST_CASE("the time that the function of a fallback takes counts for a timeout around it") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout(50ms) | fallback([&] { return clock.advance(60ms), 0; }) | asks_the_time{}, clock};
    CHECK(p.attempt(throwing(1)).error() == errc::timed_out);
    keel::pipeline loud{keel::timeout(130ms) | keel::retry<keel::constant>({.backoff = {.every = 10ms}}) |
                            fallback([&]() -> int { clock.advance(60ms), throw 2; }) | asks_the_time{},
                        clock};
    int calls = 0;
    // 60 ms and 10 ms of waiting each: at 130 ms there is no room for a third attempt.
    CHECK_THROWS_AS(loud([&]() -> int { throw ++calls; }), int);
    CHECK(calls == 2);
}

TEST_CASE("fallbacks nest: the outer one is told of the inner one's failure") {
    const auto inner = fallback([]() -> int { throw std::logic_error("inner"); }).failing_on<int>();
    std::vector<std::string> told;
    keel::pipeline p{fallback([&](const keel::failure& why) {
                         try {
                             why.raise();
                         } catch (const std::exception& e) {
                             told.emplace_back(e.what());
                         }
                         return 9;
                     }) |
                     inner};
    CHECK(p(throwing(1)) == 9);
    CHECK(p(throwing(std::runtime_error("own"))) == 9);
    CHECK(told == std::vector<std::string>{"inner", "own"});
}

TEST_CASE("a fallback's own error counts as the failure for a breaker around it") {
    keel::pipeline p{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) |
                     fallback([]() -> result { return support::bad(); })};
    CHECK(p(support::bad).error() == std::errc::io_error);
    CHECK(p.circuit().state() == keel::circuit_state::open);
}

TEST_CASE("a null pointer for a function is refused, and so is an empty function") {
    CHECK_THROWS_AS(fallback(static_cast<int (*)()>(nullptr)), keel::invalid_config);
    CHECK_THROWS_AS(fallback(std::function<int()>()), keel::invalid_config);
    CHECK(fallback(std::function<int()>([] { return 1; })).validate().policy == nullptr);
    CHECK(fallback(static_cast<int*>(nullptr)).validate().policy == nullptr);
    CHECK(fallback(+[] { return 1; }).validate().policy == nullptr);
}
