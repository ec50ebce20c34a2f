#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../error.hpp"
#include "macros.hpp"

#include <concepts>
#include <exception>
#include <system_error>

namespace keel::detail {

template <class X>
concept carries_rejection = requires(const X& error) {
    { error.is_rejection() } -> std::same_as<bool>;
    { error.reason() } -> std::same_as<errc>;
};

/// Whether an error means `std::errc::operation_canceled`: nobody wants the result any more.
template <class X>
bool is_cancelled([[maybe_unused]] const X& error) noexcept {
    if constexpr (std::same_as<X, std::errc>) {
        return error == std::errc::operation_canceled;
    } else if constexpr (std::convertible_to<const X&, std::error_code>) {
        const std::error_code code = error;
        return code == std::errc::operation_canceled;
    } else {
        return false;
    }
}

/// Whether an error says nothing about the health of what was called: the call was cancelled, or refused by a policy of
/// a pipeline further in, unless that rejection `is_about_callee()`.
template <class X>
bool says_nothing(const X& error) noexcept {
    if constexpr (std::same_as<X, errc>) {
        return !is_about_callee(error);
    } else if constexpr (carries_rejection<X>) {
        return error.is_rejection() && says_nothing(error.reason());
    } else if constexpr (std::convertible_to<const X&, std::error_code>) {
        const std::error_code code = error;
        if (code.category() == category()) return says_nothing(static_cast<errc>(code.value()));
        return is_cancelled(code);
    } else {
        return is_cancelled(error);
    }
}

/// What `judge` says of the code of a `std::system_error`; false for any other exception.
template <class Judge>
bool of_code([[maybe_unused]] const std::exception_ptr& thrown, [[maybe_unused]] Judge judge) noexcept {
#if KEEL_HAS_EXCEPTIONS
    try {
        std::rethrow_exception(thrown);
    } catch (const std::system_error& e) {
        return judge(e.code());
    } catch (...) {
        return false;
    }
#else
    return false;
#endif
}

/// The same for exceptions: those derived from `std::system_error`, as `keel::rejected` is, with such a code.
inline bool exception_says_nothing(const std::exception_ptr& thrown) noexcept {
    return of_code(thrown, says_nothing<std::error_code>);
}
inline bool exception_is_cancelled(const std::exception_ptr& thrown) noexcept {
    return of_code(thrown, is_cancelled<std::error_code>);
}

} // namespace keel::detail
