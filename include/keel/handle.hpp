#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "detail/macros.hpp"
#include "detail/says_nothing.hpp"
#include "error.hpp"
#include "outcome.hpp"
#include "result.hpp"

#include <boost/hana/tuple.hpp>
#include <concepts>
#include <exception>
#include <system_error>
#include <type_traits>
#include <utility>

namespace keel {
namespace detail {

/// Selects exceptions by their type.
template <class... E>
struct exception_types {
    /// Whether they catch the exception that a rejection becomes.
    static constexpr bool match_rejections = (std::is_base_of_v<E, rejected> || ...);

    static bool matches_exception([[maybe_unused]] const std::exception_ptr& thrown) {
#if KEEL_HAS_EXCEPTIONS
        return (is<E>(thrown) || ...);
#else
        return false;
#endif
    }

  private:
#if KEEL_HAS_EXCEPTIONS
    template <class One>
    static bool is(const std::exception_ptr& thrown) {
        try {
            std::rethrow_exception(thrown);
        } catch (const One&) {
            return true;
        } catch (...) {
            return false;
        }
    }
#endif
};

/// Selects values or errors, whichever the predicate takes.
template <class Predicate>
struct predicate {
    Predicate test;
};

template <class S>
inline constexpr bool selects_exceptions = requires { &S::matches_exception; };

template <class S>
inline constexpr bool selects_rejections = false;
template <class S>
    requires selects_exceptions<S>
inline constexpr bool selects_rejections<S> = S::match_rejections;

template <class S, class X>
concept selects = requires(const S& s, const X& x) {
    { s.test(x) } -> std::convertible_to<bool>;
};

template <class S, class X>
constexpr bool selected(const S& s, const X& x) {
    if constexpr (selects<S, X>)
        return s.test(x);
    else
        return false;
}
template <class S>
bool selected_exception(const S&, const std::exception_ptr& thrown) {
    if constexpr (selects_exceptions<S>)
        return S::matches_exception(thrown);
    else
        return false;
}

/// Any of several selectors.
template <class... S>
struct selectors {
    // Without `{}`, for a predicate may have no default: Clang would compile the initializer when asked whether there
    // is one.
    boost::hana::tuple<S...> each;

    template <class One>
    constexpr selectors<S..., One> with(One one) const {
        return boost::hana::unpack(
            each, [&](const S&... s) { return selectors<S..., One>{boost::hana::make_tuple(s..., one)}; });
    }

    static constexpr bool by_exception = (selects_exceptions<S> || ...);
    template <class X>
    static constexpr bool by = (selects<S, X> || ...);

    template <class X>
    constexpr bool any(const X& x) const {
        return boost::hana::unpack(each, [&](const S&... s) { return (selected(s, x) || ...); });
    }
    /// Whether one of them selects a rejection in any form in which a caller may get it: as an `errc`, as a
    /// `std::error_code`, or as the exception `rejected`.
    constexpr bool any_rejection(errc reason) const { return (selects_rejections<S> || ...) || any(reason); }
    bool any_exception(const std::exception_ptr& thrown) const {
        return boost::hana::unpack(each, [&](const S&... s) { return (selected_exception(s, thrown) || ...); });
    }
};

template <>
struct selectors<> {
    template <class One>
    constexpr selectors<One> with(One one) const {
        return {boost::hana::make_tuple(one)};
    }

    static constexpr bool by_exception = false;
    template <class X>
    static constexpr bool by = false;

    template <class X>
    static constexpr bool any(const X&) noexcept {
        return false;
    }
    static constexpr bool any_rejection(errc) noexcept { return false; }
    static bool any_exception(const std::exception_ptr&) noexcept { return false; }
};

} // namespace detail

/// Which results count as failures, and which not at all. Made by a policy's `.failing_on<Exceptions...>()`,
/// `.failing_if(test)`, `.ignoring<Exceptions...>()` and `.ignoring_if(test)`, never by hand.
///
/// Without selectors a value is a success, and an error or an exception is a failure. Values, errors and exceptions are
/// three kinds: with a failing selector for one of them, exactly what such a selector selects is a failure of that
/// kind, and all else of it a success. Ignoring wins over failing.
///
/// What says nothing about the callee is ignored, unless a selector calls it a failure: an error code or a
/// `std::system_error` that means `std::errc::operation_canceled`, and a rejection by a pipeline that the function
/// calls, unless `is_about_callee()`. Selectors do not see rejections by other policies of the same chain (see
/// `outcome::default_ending`). A `fallback` has the same selectors and rules of its own.
template <class Failing = detail::selectors<>, class Ignoring = detail::selectors<>>
struct handle {
    Failing failing;
    Ignoring ignoring;

    template <class Selector>
    constexpr auto failing_too(Selector s) const {
        const auto more = failing.with(s);
        return handle<std::remove_const_t<decltype(more)>, Ignoring>{more, ignoring};
    }
    template <class Selector>
    constexpr auto ignoring_too(Selector s) const {
        const auto more = ignoring.with(s);
        return handle<Failing, std::remove_const_t<decltype(more)>>{failing, more};
    }

    template <class R>
    ending operator()(const outcome_of<R>& o) const {
        if (o.exception()) {
            if (ignoring.any_exception(o.exception())) return ending::ignored;
            if (failing.any_exception(o.exception())) return ending::failed;
            if (o.cancelled() || detail::exception_says_nothing(o.exception())) return ending::ignored;
            return Failing::by_exception ? ending::succeeded : ending::failed;
        }
        return o.returned() ? of_result(*o.result()) : o.default_ending();
    }

    /// Whether a returned object that is no error counts as a success. What the express lane asks.
    template <class R>
    KEEL_ALWAYS_INLINE constexpr bool approves(const R& r) const {
        if constexpr (!concerns_value<R>())
            return true;
        else
            return of_value(value_in(r)) == ending::succeeded;
    }

    /// Whether any selector takes the values of `R`.
    template <class R>
    static constexpr bool concerns_value() {
        using value = value_of<R>;
        if constexpr (std::same_as<value, detail::unit>)
            return false;
        else
            return Failing::template by<value> || Ignoring::template by<value>;
    }

  private:
    template <class R>
    static constexpr decltype(auto) value_in(const R& r) {
        if constexpr (detail::is_ref_to<R>)
            return std::as_const(*r.target);
        else if constexpr (std::same_as<R, std::error_code>)
            return detail::unit{};
        else if constexpr (!expected_like<R>)
            return r;
        else if constexpr (std::is_void_v<typename R::value_type>)
            return detail::unit{};
        else if constexpr (detail::is_ref_to<typename R::value_type>)
            return std::as_const(*r->target);
        else
            return *r;
    }
    template <class R>
    using value_of = std::remove_cvref_t<decltype(value_in(std::declval<const R&>()))>;

    template <class V>
    constexpr ending of_value(const V& v) const {
        if (ignoring.any(v)) return ending::ignored;
        return failing.any(v) ? ending::failed : ending::succeeded;
    }

    template <class R>
    ending of_result(const R& r) const {
        if (detail::is_ok(r)) {
            if constexpr (concerns_value<R>())
                return of_value(value_in(r));
            else
                return ending::succeeded;
        }
        const auto* error = detail::error_in(r);
        if (error == nullptr) return ending::failed;
        if (ignoring.any(*error)) return ending::ignored;
        if (failing.any(*error)) return ending::failed;
        if (detail::says_nothing(*error)) return ending::ignored;
        return Failing::template by<std::remove_cvref_t<decltype(*error)>> ? ending::succeeded : ending::failed;
    }
};

namespace detail {

template <class Results>
inline constexpr bool is_without_selectors = std::same_as<decltype(Results::failing), selectors<>>;

} // namespace detail
} // namespace keel
