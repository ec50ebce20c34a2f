#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../context.hpp"
#include "../detail/macros.hpp"
#include "../result.hpp"

#include <concepts>
#include <system_error>
#include <type_traits>

namespace keel::detail {

// What a pipeline asks of the user's function.

inline constexpr bool has_exceptions = KEEL_HAS_EXCEPTIONS == 1;

template <class F>
concept takes_context = std::invocable<F&, const context&>;

template <class F>
struct raw_result_of : std::invoke_result<F&> {};
template <takes_context F>
struct raw_result_of<F> : std::invoke_result<F&, const context&> {};
template <class F>
using raw_result = typename raw_result_of<std::remove_reference_t<F>>::type;

template <class F>
concept attemptable = takes_context<F> || std::invocable<F&>;

template <class F>
concept reporting = attemptable<F> && reports_errors<std::remove_cvref_t<raw_result<F>>>;

// A result that can't refer into the function that returned it.
template <class R>
inline constexpr bool refers_to_nothing =
    std::is_void_v<R> || std::is_arithmetic_v<R> || std::is_enum_v<R> || std::same_as<R, std::error_code>;
template <expected_like R>
inline constexpr bool refers_to_nothing<R> =
    refers_to_nothing<typename R::value_type> && refers_to_nothing<typename R::error_type>;

// What only closures with captures are.
template <class F>
concept like_a_closure = std::is_class_v<F> && !std::is_empty_v<F> && !std::is_aggregate_v<F> &&
                         !std::is_default_constructible_v<F> && !std::is_copy_assignable_v<F>;

template <class F>
concept same_when_copied =
    // In this order: once GCC 12 has been asked whether a closure is assignable, it calls it not trivially copyable.
    std::is_trivially_copyable_v<F> && like_a_closure<F> && std::is_copy_constructible_v<F> &&
    sizeof(F) <= 2 * sizeof(void*) && attemptable<const F> && takes_context<const F> == takes_context<F> &&
    std::same_as<raw_result<const F>, raw_result<F>> && refers_to_nothing<raw_result<F>>;

/// How the express lane hands the function to the cold one: a small closure that is called as const goes by value, for
/// its address would force it into memory on every call. Only closures: other function objects may have state that a
/// const call changes, and what they return may refer to them.
template <class F>
using handed = std::conditional_t<same_when_copied<F>, const F, F&>;

} // namespace keel::detail
