#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../context.hpp"
#include "../outcome.hpp"
#include "failure_of.hpp"
#include "macros.hpp"
#include "result_from.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace keel::detail {

// An answer in place of a failure: a value, or a function that may be told the failure and the context.

template <class A, class Failure>
concept told_failure_and_context = requires(const A& f, const Failure& why, const context& c) { f(why, c); };
template <class A, class Failure>
concept told_failure = requires(const A& f, const Failure& why) { f(why); };
template <class A>
concept told_nothing = requires(const A& f) { f(); };

template <class A, class Failure>
concept answers_when_told = told_failure_and_context<A, Failure> || told_failure<A, Failure> || told_nothing<A>;

template <class A>
inline constexpr bool is_function_pointer = std::is_pointer_v<A> && std::is_function_v<std::remove_pointer_t<A>>;

struct call_operator {
    void operator()();
};
template <class A>
struct with_another_call_operator : A, call_operator {};

// If `A` has a call operator, also one that is a template or overloaded, then the name is ambiguous here.
template <class A>
concept has_call_operator = requires {
    &A::operator();
} || (std::is_class_v<A> && !std::is_final_v<A> && !requires { &with_another_call_operator<A>::operator(); });

// A closure without captures converts to bool, so one with the wrong parameters must not be taken for a value.
template <class A>
concept looks_like_a_function = is_function_pointer<A> || has_call_operator<A>;

/// A function pointer, or what holds a function or none, such as a `std::function`.
template <class A>
concept may_be_no_function =
    looks_like_a_function<A> && std::constructible_from<A, std::nullptr_t> && requires(const A& f) {
        { f == nullptr } -> std::same_as<bool>;
    };

template <class A, class Failure>
    requires answers_when_told<A, Failure>
decltype(auto) ask(const A& f, [[maybe_unused]] const Failure& why, [[maybe_unused]] call& c) {
    if constexpr (told_failure_and_context<A, Failure>)
        return c.tell([&](const context& told) -> decltype(auto) { return f(why, told); });
    else if constexpr (told_failure<A, Failure>)
        return f(why);
    else
        return f();
}

/// Whether `A` is a function whose result can stand for an `R`, or is itself a value that can.
template <class A, class R>
inline constexpr bool is_answering_function = false;
template <class A, class R>
    requires answers_when_told<A, failure_of<R>>
inline constexpr bool is_answering_function<A, R> = gives_result<
    decltype(detail::ask(std::declval<const A&>(), std::declval<const failure_of<R>&>(), std::declval<call&>())), R>;
template <class A, class R>
inline constexpr bool is_answer =
    gives_result<const A&, R> && (std::same_as<A, typename contents<R>::value> || !looks_like_a_function<A>);

/// What a function of the user's took is time that a timeout further out must see, whether it returns or throws.
struct left_by_function {
    call& c;
    ~left_by_function() { c.turn(); }
};

/// Runs `put()`, which may put an answer into `o`. If it throws, that exception is the answer, and the result false.
template <class R, class Put>
bool answer_with(outcome_of<R>& o, const Put& put) {
    KEEL_TRY {
        put();
        return true;
    }
    KEEL_CATCH_ALL {
        o.threw(std::current_exception());
        // What is unwinding is not an exception of C++: it passes through.
        if (!o.exception()) KEEL_RETHROW;
        return false;
    }
}

} // namespace keel::detail
