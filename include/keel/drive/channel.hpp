#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/macros.hpp"
#include "../duration.hpp"
#include "../error.hpp"
#include "../result.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <expected>
#include <system_error>
#include <type_traits>
#include <utility>

namespace keel::detail {

// A channel says how a pipeline answers for a function that returns `Raw`: the type that the lanes carry (`result`),
// how to call the function for one, and what to make of a rejection or an exception.

template <class Raw>
using carried = std::conditional_t<
    std::is_void_v<Raw>, unit,
    std::conditional_t<std::is_reference_v<Raw>, ref_to<std::remove_reference_t<Raw>>, std::remove_cv_t<Raw>>>;

/// What `f` returns, which is a reference.
template <class F>
KEEL_ALWAYS_INLINE auto referred(F& f) {
    auto&& r = f();
    return ref_to<std::remove_reference_t<decltype(r)>>{__builtin_addressof(r)};
}

/// Plain results: rejections and exceptions are thrown.
template <class Raw>
struct throwing_channel {
    using result = carried<Raw>;

    template <class F>
    KEEL_ALWAYS_INLINE static result invoke(F& f) {
        if constexpr (std::is_void_v<Raw>)
            return static_cast<void>(f()), unit{};
        else if constexpr (std::is_reference_v<Raw>)
            return referred(f);
        else
            return f();
    }
#if KEEL_HAS_EXCEPTIONS
    [[noreturn]] static result rejected(errc reason, nanos retry_after) { throw keel::rejected(reason, retry_after); }
    [[noreturn]] static result threw(const std::exception_ptr& thrown) { std::rethrow_exception(thrown); }
#endif
};

/// Expected-like results and error codes that can hold a rejection: the function's own type.
template <class Raw>
struct same_type_channel {
    using result = Raw;

    template <class F>
    KEEL_ALWAYS_INLINE static result invoke(F& f) {
        return f();
    }
    static result rejected(errc reason, nanos) {
        if constexpr (std::same_as<Raw, std::error_code>)
            return make_error_code(reason);
        else
            return from_error<Raw>(typename Raw::error_type(reason));
    }
    [[noreturn]] static result threw([[maybe_unused]] const std::exception_ptr& thrown) {
        std::rethrow_exception(thrown);
    }
};

/// Expected-like results whose error can't hold a rejection: `std::expected<T, error_of<X, rejections of the
/// chain...>>`.
template <class Raw, class Error>
struct widening_channel {
    using result = std::expected<typename Raw::value_type, Error>;

    template <class F>
    KEEL_ALWAYS_INLINE static result invoke(F& f) {
        Raw raw = f();
        if (!raw.has_value()) return result(std::unexpect, std::in_place_index<0>, std::move(raw).error());
        if constexpr (std::is_void_v<typename Raw::value_type>)
            return result();
        else
            return result(std::in_place, *std::move(raw));
    }
    static result rejected(errc reason, nanos retry_after) {
        return result(std::unexpect, Error::of(reason, retry_after));
    }
    [[noreturn]] static result threw(const std::exception_ptr& thrown) { std::rethrow_exception(thrown); }
};

template <class Raw>
struct attempted {
    using value =
        std::conditional_t<std::is_reference_v<Raw>, ref_to<std::remove_reference_t<Raw>>, std::remove_cv_t<Raw>>;
    using error = void;
};
template <expected_like Raw>
struct attempted<Raw> {
    using value = typename Raw::value_type;
    using error = typename Raw::error_type;
};
template <>
struct attempted<std::error_code> {
    using value = void;
    using error = std::error_code;
};

/// `attempt()`: never throws.
template <class Raw>
struct attempt_channel {
    using value = typename attempted<Raw>::value;
    using error = basic_failure<typename attempted<Raw>::error>;
    using result = std::expected<value, error>;

    template <class F>
    KEEL_ALWAYS_INLINE static result invoke(F& f) {
        if constexpr (reports_errors<Raw>) {
            Raw raw = f();
            if constexpr (std::same_as<Raw, std::error_code>) {
                if (raw) return result(std::unexpect, std::in_place, raw);
                return result();
            } else {
                if (!raw.has_value()) return result(std::unexpect, std::in_place, std::move(raw).error());
                if constexpr (std::is_void_v<value>)
                    return result();
                else
                    return result(std::in_place, *std::move(raw));
            }
        } else if constexpr (std::is_void_v<Raw>) {
            return f(), result();
        } else if constexpr (std::is_reference_v<Raw>) {
            return result(std::in_place, referred(f));
        } else {
            return result(std::in_place, f());
        }
    }
    static result rejected(errc reason, nanos retry_after) { return result(std::unexpect, reason, retry_after); }
    static result threw(const std::exception_ptr& thrown) { return result(std::unexpect, thrown); }
};

/// The channel of a function that returns `Raw`, in a chain whose rejections `Parts` knows.
template <class Raw, class Parts>
constexpr auto channel_for() {
    if constexpr (!reports_errors<Raw>)
        return throwing_channel<Raw>{};
    else if constexpr (std::same_as<Raw, std::error_code>)
        return same_type_channel<Raw>{};
    else if constexpr (std::constructible_from<typename Raw::error_type, errc>)
        return same_type_channel<Raw>{};
    else
        return widening_channel<Raw, typename decltype(Parts::template error_for<typename Raw::error_type>())::type>{};
}

/// The errc's of `all` without repetitions, in order.
template <std::size_t N>
struct distinct {
    errc reasons[N + 1]{};
    std::size_t count = 0;

    constexpr bool has(errc reason) const noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            if (reasons[i] == reason) return true;
        }
        return false;
    }
    constexpr void add(errc reason) noexcept {
        if (!has(reason)) reasons[count++] = reason;
    }
};

} // namespace keel::detail
