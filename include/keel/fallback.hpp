#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "context.hpp"
#include "detail/answering.hpp"
#include "detail/classifying.hpp"
#include "detail/failure_of.hpp"
#include "detail/macros.hpp"
#include "detail/result_from.hpp"
#include "detail/says_nothing.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "outcome.hpp"
#include "policy.hpp"
#include "result.hpp"

#include <array>
#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

namespace keel {

/// Puts an answer in place of a failure: an error, an exception, or a rejection by a policy further in. The answer is a
/// value, or a function that returns one. That function may take the failure, as a `const keel::failure&` or
/// `const keel::basic_failure<X>&` where `X` is the error that the guarded function returns, and after it the
/// `const keel::context&`. It is called as const, on the calling thread, once for each failure.
///
/// The function may fail too: its exception, or error where it returns an expected-like, becomes the outcome, and the
/// failure that it was told is forgotten.
///
/// Without selectors every failure gets the answer, also a rejection by another pipeline that the guarded function
/// calls, but not a cancelled call (`std::errc::operation_canceled`). With failing selectors, exactly what one of them
/// selects gets the answer, of whatever kind. What is ignored never does. A rejection is selected by a predicate that
/// takes a `keel::errc` or a `std::error_code`, and by an exception type that catches a `keel::rejected`.
template <class Instead, class Results = handle<>>
struct fallback_policy : detail::classifying<fallback_policy<Instead, Results>> {
    // Not `answer`: a function object of that name would be taken for the hook.
    Instead instead;
    Results results;

    static constexpr std::array<errc, 0> rejections{};

    /// Whether it answers for every failure from further in but a cancelled call.
    static constexpr bool handles_everything = std::same_as<Results, handle<>>;

    /// Whether policies further out never see a failure. With a function they may: its own.
    static constexpr bool never_fails = handles_everything && !detail::looks_like_a_function<Instead>;

    constexpr fallback_policy(const Instead& answering, const Results& handled)
      : instead(answering)
      , results(handled) {}

    template <class Handle>
    constexpr auto handling(const Handle& h) const {
        return fallback_policy<Instead, Handle>{instead, h};
    }

    constexpr config_error validate() const noexcept {
        detail::checker check("fallback");
        if constexpr (detail::may_be_no_function<Instead>)
            check.require(!(instead == nullptr), "function", 0, "must not be null");
        return check.error;
    }

    constexpr policy_facts facts() const noexcept {
        return {.name = "fallback",
                .does = handles_everything ? "answers for what fails" : "answers for the failures it is for",
                .answers_failures = handles_everything};
    }

    KEEL_ALWAYS_INLINE static bool fast_admit(call&) noexcept { return true; }
    KEEL_ALWAYS_INLINE static bool fast_settle(call&) noexcept { return true; }
    bool lets_pass(errc reason) const noexcept {
        // A predicate that throws is asked again on the cold lane, where its exception can pass.
        KEEL_TRY { return !handles(reason); }
        KEEL_CATCH_ALL { return false; }
    }

    static admission admit(call&, auto&) noexcept { return proceed; }

    template <class R>
    verdict settle(call& c, auto&, outcome_of<R>& o) const {
        constexpr bool function = detail::is_answering_function<Instead, R>;
        constexpr bool fits = function || detail::is_answer<Instead, R>;
        constexpr bool can_be_asked = detail::answers_when_told<Instead, detail::failure_of<R>>;
        if constexpr (std::same_as<R, detail::by_hand_result> &&
                      (can_be_asked || !detail::looks_like_a_function<Instead>))
            static_assert(fits, "keel: a call that is driven by hand has no value that a fallback could replace: its "
                                "result is `std::expected<void, std::error_code>`, as of a function that returns that. "
                                "Write `fallback([] {})`, and put the value in where the call ends");
        else if constexpr (can_be_asked)
            static_assert(fits, "keel: what the fallback's function returns is not what the guarded function returns");
        else if constexpr (detail::looks_like_a_function<Instead>)
            static_assert(fits, "keel: the fallback's function can't be called, as const, with nothing, a `const "
                                "keel::failure&`, or that and a `const keel::context&`");
        else
            static_assert(fits,
                          "keel: the fallback's value is not what the guarded function returns; for one that returns "
                          "nothing write `fallback([] {})`");

        // Otherwise the assertions above have said all there is to say.
        if constexpr (fits) {
            if (handles(o)) replace<R, function>(c, o);
        }
        return verdict::keep();
    }

  private:
    static constexpr bool selective = !detail::is_without_selectors<Results>;

    constexpr bool handles(errc reason) const {
        return !results.ignoring.any_rejection(reason) && (!selective || results.failing.any_rejection(reason));
    }
    bool handles(const std::exception_ptr& thrown) const {
        if (results.ignoring.any_exception(thrown)) return false;
        return selective ? results.failing.any_exception(thrown) : !detail::exception_is_cancelled(thrown);
    }
    template <class R>
    bool handles(const outcome_of<R>& o) const {
        if (o.succeeded()) return results(o) == ending::failed;
        if (o.rejection() != errc{}) return handles(o.rejection());
        if (o.exception()) return handles(o.exception());
        const auto* error = detail::error_in(*o.result());
        if (error == nullptr) return !selective;
        if (results.ignoring.any(*error)) return false;
        return selective ? results.failing.any(*error) : !detail::is_cancelled(*error);
    }

    template <class R, bool Function>
    void replace(call& c, outcome_of<R>& o) const {
        detail::answer_with(o, [&] {
            if constexpr (Function) {
                const auto why = detail::take_failure(o);
                const detail::left_by_function after{c};
                o.emplace([&] {
                    return detail::result_from<R>([&]() -> decltype(auto) { return detail::ask(instead, why, c); });
                });
            } else {
                o.emplace([&] { return detail::result_from<R>([&]() -> const Instead& { return instead; }); });
            }
        });
    }
};

struct fallback_has_no_answer_write_fallback_of_a_value_or_function;

/// `fallback(0) | ...`, `fallback([](const auto& failure, const keel::context& c) { ... }) | ...`,
/// `fallback(0).failing_on<std::system_error>() | ...`
struct fallback_maker {
    /// Keeps a copy of the answer. Throws `invalid_config` if that is a null pointer to a function, or an empty
    /// `std::function`.
    template <class Instead>
        requires std::copy_constructible<std::decay_t<Instead>>
    constexpr auto operator()(Instead&& instead) const {
        // Not copied out of `validated`, which GCC 12 warns about for a std::function.
        fallback_policy<std::decay_t<Instead>> made(std::forward<Instead>(instead), {});
        detail::validated(made);
        return made;
    }

    friend fallback_has_no_answer_write_fallback_of_a_value_or_function operator|(const fallback_maker&,
                                                                                  const auto&) = delete;
    friend fallback_has_no_answer_write_fallback_of_a_value_or_function operator|(const auto&,
                                                                                  const fallback_maker&) = delete;
};
inline constexpr fallback_maker fallback{};

} // namespace keel
