// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/detail/says_nothing.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>

using namespace std::chrono_literals;
using keel::errc;
using keel::detail::says_nothing;

namespace {
constexpr auto trips_at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 1h});
const auto cancelled = std::make_error_code(std::errc::operation_canceled);

/// Whether a breaker takes what `f` does for a failure.
template <class Policy, class F>
bool fails(const Policy& policy, F f) {
    keel::pipeline p{policy, keel::manual_clock{}};
    try {
        static_cast<void>(p(f));
    } catch (...) {
    }
    return p.circuit().state() == keel::circuit_state::open;
}
template <class Exception>
auto throwing(Exception e) {
    return [e]() -> int { throw e; };
}
auto returning(std::error_code e) {
    return [e]() -> support::result { return std::unexpected(e); };
}
} // namespace

TEST_CASE("what was cancelled is told from what failed otherwise") {
    using keel::detail::exception_is_cancelled;
    using keel::detail::is_cancelled;
    CHECK(is_cancelled(cancelled));
    CHECK(is_cancelled(std::error_code(ECANCELED, std::system_category())));
    CHECK(is_cancelled(std::errc::operation_canceled));
    CHECK(!is_cancelled(std::errc::io_error));
    CHECK(!is_cancelled(make_error_code(errc::circuit_open)));
    CHECK(!is_cancelled(errc::circuit_open));
    CHECK(!is_cancelled(keel::failure(errc::circuit_open)));
    CHECK(!is_cancelled(std::string("cancelled")));
    CHECK(exception_is_cancelled(std::make_exception_ptr(std::system_error(cancelled))));
    CHECK(!exception_is_cancelled(std::make_exception_ptr(keel::rejected(errc::circuit_open))));
    CHECK(!exception_is_cancelled(std::make_exception_ptr(1)));
}

TEST_CASE("errors that say nothing about the callee are told from those that do") {
    CHECK(says_nothing(errc::circuit_open));
    CHECK(says_nothing(errc::refused));
    CHECK(!says_nothing(errc::timed_out));
    CHECK(says_nothing(make_error_code(errc::circuit_open)));
    CHECK(!says_nothing(make_error_code(errc::timed_out)));
    CHECK(says_nothing(cancelled));
    CHECK(says_nothing(std::error_code(ECANCELED, std::system_category())));
    CHECK(says_nothing(std::errc::operation_canceled));
    CHECK(!says_nothing(std::errc::io_error));
    CHECK(!says_nothing(std::make_error_code(std::errc::timed_out)));
    CHECK(!says_nothing(std::string("cancelled")));
    using error = keel::error_of<std::string, errc::timed_out, errc::circuit_open>;
    CHECK(says_nothing(error::of(errc::circuit_open)));
    CHECK(!says_nothing(error::of(errc::timed_out)));
    CHECK(!says_nothing(error("no route")));
    CHECK(says_nothing(keel::failure(errc::refused)));
    CHECK(!says_nothing(keel::failure(std::exception_ptr())));
}

TEST_CASE("what was cancelled is no failure, by exception or by code") {
    CHECK(!fails(trips_at_once, throwing(std::system_error(cancelled))));
    CHECK(!fails(trips_at_once, returning(cancelled)));
    CHECK(fails(trips_at_once, throwing(std::runtime_error("cancelled"))));
    CHECK(fails(trips_at_once, returning(std::make_error_code(std::errc::io_error))));
}

TEST_CASE("what a pipeline further in refused is no failure of the callee, except that it timed out") {
    CHECK(!fails(trips_at_once, throwing(keel::rejected(errc::circuit_open))));
    CHECK(!fails(trips_at_once, throwing(keel::rejected(errc::refused))));
    CHECK(fails(trips_at_once, throwing(keel::rejected(errc::timed_out))));
    CHECK(!fails(trips_at_once, returning(make_error_code(errc::circuit_open))));
    CHECK(fails(trips_at_once, returning(make_error_code(errc::timed_out))));
}

TEST_CASE("a selector can call it a failure") {
    const auto by_code = trips_at_once.failing_if([](std::error_code e) { return e == cancelled; });
    CHECK(fails(by_code, returning(cancelled)));
    CHECK(!fails(by_code, returning(make_error_code(errc::circuit_open))));
    CHECK(!fails(by_code, returning(std::make_error_code(std::errc::io_error)))); // a success
    CHECK(fails(trips_at_once.failing_on<keel::rejected>(), throwing(keel::rejected(errc::circuit_open))));
    CHECK(!fails(trips_at_once.failing_on<std::system_error>().ignoring<keel::rejected>(),
                 throwing(keel::rejected(errc::circuit_open))));
}

TEST_CASE("what says nothing about the callee is not retried") {
    for (const auto e : {cancelled, make_error_code(errc::circuit_open)}) {
        keel::pipeline p{keel::retry<keel::constant>({.attempts = 3}), keel::manual_clock{}};
        int calls = 0;
        CHECK(p([&]() -> support::result { return ++calls, std::unexpected(e); }).error() == e);
        CHECK(calls == 1);
    }
}
