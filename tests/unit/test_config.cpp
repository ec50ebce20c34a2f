// SPDX-License-Identifier: BSL-1.0
#include <keel/config.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using keel::detail::checker;

namespace {
struct knob {
    int turns = 1;
    keel::config_error validate() const {
        return checker("knob").require(turns >= 1, "turns", turns, "must be at least 1").error;
    }
};
} // namespace

TEST_CASE("a configuration error is nothing until a value is out of range") {
    CHECK(!keel::config_error{});
    CHECK(!checker("any").error);
    CHECK(keel::config_error{.policy = "retry"});
}

TEST_CASE("a checker keeps the first thing that is wrong") {
    const auto e =
        checker("x").require(true, "a", 1, "r").require(false, "b", 2, "s").require(false, "c", 3, "t").error;
    CHECK(e.policy == std::string_view("x"));
    CHECK(e.field == std::string_view("b"));
    CHECK(e.value == 2);
    CHECK(e.range == std::string_view("s"));
}

TEST_CASE("durations are above zero, or at least zero, and at most a century") {
    const auto over = keel::nanos(keel::longest.count + 1);
    for (const auto d : {keel::nanos(1), keel::nanos(1s), keel::longest}) {
        CHECK(!checker("x").positive("d", d).error);
        CHECK(!checker("x").not_negative("d", d).error);
    }
    for (const auto d : {keel::nanos(-1), keel::nanos::min(), over, keel::nanos::max()}) {
        CHECK(checker("x").positive("d", d).error);
        CHECK(checker("x").not_negative("d", d).error);
    }
    CHECK(checker("x").positive("d", 0s).error);
    CHECK(!checker("x").not_negative("d", 0s).error);
}

TEST_CASE("a share is above zero and at most one, and is a number") {
    for (const double s : {1e-300, 0.5, 1.0})
        CHECK(!checker("x").share("s", s).error);
    for (const double s : {0.0, -0.1, 1.0000001, std::numeric_limits<double>::quiet_NaN()})
        CHECK(checker("x").share("s", s).error);
}

TEST_CASE("what is wrong is thrown with policy, field, value and range") {
    const knob good, broken{.turns = 0};
    CHECK(&keel::detail::validated(good) == &good);
    try {
        static_cast<void>(keel::detail::validated(broken));
        FAIL("must throw");
    } catch (const keel::invalid_config& e) {
        CHECK(e.policy() == std::string_view("knob"));
        CHECK(e.field() == std::string_view("turns"));
        CHECK(e.value() == 0);
        CHECK(e.range() == std::string_view("must be at least 1"));
        CHECK(e.what() == std::string("keel: knob.turns = 0: must be at least 1"));
    }
}

TEST_CASE("a value is printed so that it can be told from its neighbours") {
    const auto text = [](double v) { return std::string(keel::invalid_config({"p", "f", v, "r"}).what()); };
    CHECK(text(1.5) == "keel: p.f = 1.5: r");
    CHECK(text(-1) == "keel: p.f = -1: r");
    CHECK(text(9'223'372'036'854'775'807.0) == "keel: p.f = 9.2233720368547758e+18: r");
    CHECK(text(std::numeric_limits<double>::quiet_NaN()).find("nan") != std::string::npos);
}
