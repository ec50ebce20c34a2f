// SPDX-License-Identifier: BSL-1.0
// What is told and answered in a call: test_fallback_answers.cpp.
#include <keel/detail/answering.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <expected>
#include <functional>
#include <string>

using namespace keel::detail;

namespace {
struct member {
    int operator()(int) const { return 0; }
};
struct overloaded {
    int operator()(int) const { return 0; }
    int operator()(double) const { return 0; }
};
struct templated {
    template <class T>
    int operator()(T) const {
        return 0;
    }
};
struct derived : templated {};
struct sealed final {
    int operator()() const { return 0; }
};
struct value {
    int v;
};
struct sealed_value final {
    int v;
};
struct counting {
    int operator()() const { return 0; }
    int operator()(const keel::failure&) const { return 1; }
    int operator()(const keel::failure&, const keel::context&) const { return 2; }
};
constexpr auto closure = [](int) { return 0; };
constexpr auto generic = [](auto) { return 0; };

static_assert(looks_like_a_function<member> && looks_like_a_function<overloaded> && looks_like_a_function<templated>);
static_assert(looks_like_a_function<derived> && looks_like_a_function<sealed> && looks_like_a_function<int (*)()>);
static_assert(looks_like_a_function<decltype(closure)> && looks_like_a_function<decltype(generic)>);
static_assert(looks_like_a_function<std::function<int()>>);
static_assert(!looks_like_a_function<int> && !looks_like_a_function<int*> && !looks_like_a_function<std::nullptr_t>);
static_assert(!looks_like_a_function<std::string> && !looks_like_a_function<value>);
static_assert(!looks_like_a_function<sealed_value> && !looks_like_a_function<std::expected<int, int>>);

// A value is one, and no function with parameters that nobody has to offer.
using closure_type = decltype(+closure);
static_assert(is_answer<int, int> && is_answer<int, double> && is_answer<const char*, std::string>);
static_assert(!is_answer<std::string, int> && !is_answer<int, unit> && !is_answer<int, ref_to<const long>>);
static_assert(!is_answer<decltype(closure), bool> && !is_answer<closure_type, bool>);
static_assert(is_answer<closure_type, closure_type> && is_answer<std::string, ref_to<const std::string>>);

// A function answers if it gives a result when it is told what it asks for.
template <class R, class F>
constexpr bool answers(const F&) {
    return is_answering_function<F, R>;
}
static_assert(answers<int>([] { return 1; }) && answers<double>([] { return 1; }));
static_assert(answers<int>([](const keel::failure&) { return 1; }) && answers<unit>([] {}));
static_assert(answers<int>([](const keel::failure&, const keel::context&) { return 1; }));
static_assert(!answers<int>([](const keel::context&) { return 1; }) && !answers<int>([](int) { return 1; }));
static_assert(!answers<int>([] {}) && !answers<unit>([] { return 1; }) && !answers<int>([] { return "x"; }));
static_assert(!answers<int>([](const keel::basic_failure<int>&) { return 1; }));
static_assert(answers<std::expected<int, int>>([](const keel::basic_failure<int>&) { return 1; }));
static_assert(!answers<int>([n = 1]() mutable { return ++n; }) && !answers<int>([](keel::failure&) { return 1; }));
} // namespace

TEST_CASE("a function is told what it asks for, and the most where it takes less too") {
    const keel::failure why(keel::errc::throttled);
    keel::call c;
    CHECK(ask([] { return 1; }, why, c) == 1);
    CHECK(ask([](const keel::failure& f) { return f == keel::errc::throttled ? 2 : 0; }, why, c) == 2);
    CHECK(ask([](const auto& f, const auto& seen) { return f.is_rejection() && seen.attempt() == 0 ? 3 : 0; }, why,
              c) == 3);
    CHECK(ask(counting{}, why, c) == 2);
    int referred = 0;
    CHECK(&ask([&]() -> int& { return referred; }, why, c) == &referred);
}
