// SPDX-License-Identifier: BSL-1.0
#include <keel/error.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <variant>

using keel::errc;

namespace {
struct own {
    int code;
};
using failing = keel::error_of<own, errc::circuit_open, errc::timed_out>;
} // namespace

TEST_CASE("every rejection has a phrase, and what is none has one too") {
    CHECK(keel::message(errc::timed_out) == std::string("timed out"));
    CHECK(keel::message(errc::circuit_open) == std::string("circuit open"));
    CHECK(keel::message(errc::refused) == std::string("refused by a policy"));
    CHECK(keel::message(errc::bulkhead_full) == std::string("bulkhead full"));
    CHECK(keel::message(errc::rate_limited) == std::string("rate limited"));
    CHECK(keel::message(errc::throttled) == std::string("throttled"));
    CHECK(keel::message(errc::limit_exceeded) == std::string("limit exceeded"));
    CHECK(keel::message(errc::injected) == std::string("injected fault"));
    CHECK(keel::message(errc{}) == std::string("unknown keel error"));
    CHECK(keel::message(static_cast<errc>(200)) == std::string("unknown keel error"));
}

TEST_CASE("a rejection is an error code of keel's own category") {
    const std::error_code code = errc::circuit_open;
    CHECK(code.category() == keel::category());
    CHECK(code.category().name() == std::string("keel"));
    CHECK(code.value() == 2);
    CHECK(code.message() == "circuit open");
    CHECK(code == errc::circuit_open);
    CHECK(code != errc::timed_out);
    CHECK(&keel::category() == &keel::category());
}

TEST_CASE("a rejection equals the generic condition that says the same, and no other") {
    const std::error_code late = errc::timed_out, open = errc::circuit_open, no = errc::refused;
    CHECK(late == std::errc::timed_out);
    CHECK(late != std::errc::resource_unavailable_try_again);
    CHECK(open == std::errc::resource_unavailable_try_again);
    CHECK(open != std::errc::timed_out);
    CHECK(no == std::errc::resource_unavailable_try_again);
    for (const errc e :
         {errc::bulkhead_full, errc::rate_limited, errc::throttled, errc::limit_exceeded, errc::injected})
        CHECK(keel::make_error_code(e) == std::errc::resource_unavailable_try_again);
    const std::error_code unknown(77, keel::category());
    CHECK(unknown.default_error_condition() == std::error_condition(77, keel::category()));
}

TEST_CASE("a late or an injected failure is about the callee, and no other rejection is") {
    for (const errc e : {errc::timed_out, errc::injected})
        CHECK(keel::is_about_callee(e));
    for (const errc e : {errc::circuit_open, errc::refused, errc::bulkhead_full, errc::rate_limited, errc::throttled,
                         errc::limit_exceeded})
        CHECK(!keel::is_about_callee(e));
}

TEST_CASE("rejected is a system_error with its reason as its code") {
    try {
        throw keel::rejected(errc::timed_out);
    } catch (const std::system_error& e) {
        CHECK(e.code() == errc::timed_out);
        CHECK(e.code() == std::errc::timed_out);
        CHECK(std::string(e.what()) == "timed out");
        CHECK(dynamic_cast<const keel::rejected&>(e).reason() == errc::timed_out);
    }
}

TEST_CASE("error_of holds the function's own error, or one of its rejections") {
    const failing mine{own{4}};
    CHECK(!mine.is_rejection());
    CHECK(mine.error()->code == 4);
    CHECK(mine.reason() == errc{});

    failing late = failing::of(errc::timed_out);
    CHECK(late.is_rejection());
    CHECK(late.error() == nullptr);
    CHECK(late.reason() == errc::timed_out);
    CHECK(std::holds_alternative<keel::timed_out>(late));
    CHECK(failing::of(errc::circuit_open).reason() == errc::circuit_open);
    CHECK(failing{keel::circuit_open{}}.reason() == errc::circuit_open);

    late = own{5};
    late.error()->code = 6;
    CHECK(late.error()->code == 6);
}

TEST_CASE("a reason that a chain does not declare ends the program") {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::set_terminate([] { std::exit(3); });
        static_cast<void>(failing::of(errc::refused));
        std::_Exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 3);
}

TEST_CASE("error_of is visited like the variant that it is") {
    const auto text = [](const failing& e) {
        struct {
            std::string operator()(const own& x) { return std::to_string(x.code); }
            std::string operator()(keel::timed_out) { return "late"; }
            std::string operator()(keel::circuit_open) { return "open"; }
        } each;
        return std::visit(each, static_cast<const std::variant<own, keel::circuit_open, keel::timed_out>&>(e));
    };
    CHECK(text(failing{own{4}}) == "4");
    CHECK(text(failing::of(errc::timed_out)) == "late");
    CHECK(text(failing::of(errc::circuit_open)) == "open");
}

TEST_CASE("a failure is a rejection, or the exception of the function") {
    const keel::failure late(errc::timed_out);
    CHECK(late.is_rejection());
    CHECK(late.reason() == errc::timed_out);
    CHECK(late == errc::timed_out);
    CHECK(late != errc::circuit_open);
    CHECK(late.exception() == nullptr);
    CHECK_THROWS_AS(late.raise(), keel::rejected);

    const keel::failure thrown(std::make_exception_ptr(std::logic_error("x")));
    CHECK(!thrown.is_rejection());
    CHECK(thrown.reason() == errc{});
    CHECK(thrown != errc::timed_out);
    CHECK(thrown.exception() != nullptr);
    CHECK_THROWS_AS(thrown.raise(), std::logic_error);
}

TEST_CASE("a failure of an expected holds its error too, movable or not copyable as that is") {
    keel::basic_failure<own> mine(std::in_place, own{3});
    CHECK(mine.error()->code == 3);
    CHECK(!mine.is_rejection());
    CHECK(mine.exception() == nullptr);
    mine.error()->code = 4;
    CHECK(mine.error()->code == 4);
    CHECK(keel::basic_failure<own>(errc::circuit_open).error() == nullptr);
    CHECK(keel::basic_failure<own>(errc::circuit_open) == errc::circuit_open);
    CHECK(keel::basic_failure<own>(std::make_exception_ptr(1)).error() == nullptr);
    const keel::basic_failure<std::unique_ptr<int>> moved(std::in_place, std::make_unique<int>(7));
    CHECK(**moved.error() == 7);
    const keel::basic_failure<errc> same_type(std::in_place, errc::timed_out);
    CHECK(!same_type.is_rejection());
    CHECK(*same_type.error() == errc::timed_out);
}
