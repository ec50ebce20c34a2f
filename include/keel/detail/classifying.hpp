#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../handle.hpp"
#include "macros.hpp"

namespace keel::detail {

/// The selectors of a policy that judges results: four functions that say which are failures and which do not count.
/// `Policy` has `handling(handle)`, which returns a copy of it with that for its `results`.
template <class Policy>
struct classifying {
    /// Exceptions of these types are failures; others are successes.
    template <class... Exceptions>
        requires(sizeof...(Exceptions) > 0)
    constexpr auto failing_on() const {
        return self().handling(self().results.failing_too(exception_types<Exceptions...>{}));
    }

    /// Values, or errors, for which `test` holds are failures; other errors are successes. `test` must be a function
    /// object that takes a value or an error, and have no captures if the policy is to be a template argument.
    template <class Test>
    constexpr auto failing_if(Test test) const {
        return self().handling(self().results.failing_too(predicate<Test>{test}));
    }

    /// Exceptions of these types do not count. Wins over failing.
    template <class... Exceptions>
        requires(sizeof...(Exceptions) > 0)
    constexpr auto ignoring() const {
        return self().handling(self().results.ignoring_too(exception_types<Exceptions...>{}));
    }

    /// Values, or errors, for which `test` holds do not count. Wins over failing.
    template <class Test>
    constexpr auto ignoring_if(Test test) const {
        return self().handling(self().results.ignoring_too(predicate<Test>{test}));
    }

    template <class R, class Whole = Policy>
        requires(decltype(Whole::results)::template concerns_value<R>())
    KEEL_ALWAYS_INLINE bool approves(const R& r) const {
        return self().results.approves(r);
    }

  private:
    constexpr const Policy& self() const noexcept { return static_cast<const Policy&>(*this); }
};

} // namespace keel::detail
