#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/policy.hpp>

#include <array>
#include <concepts>
#include <type_traits>

namespace support {

/// A policy without its hooks for the express lane: a chain with one of these runs on the cold lane alone, by the
/// nested semantics. What the express lane makes of the policy itself must be the same.
template <keel::policy P>
struct cold_only {
    P inner;

    template <class Clock>
    struct state : keel::state_of<P, Clock> {
        state(const cold_only& c, const Clock& clock)
            requires std::constructible_from<keel::state_of<P, Clock>, const P&, const Clock&>
          : keel::state_of<P, Clock>(c.inner, clock) {}
        explicit state(const cold_only& c)
            requires std::constructible_from<keel::state_of<P, Clock>, const P&>
          : keel::state_of<P, Clock>(c.inner) {}
        explicit state(const cold_only&)
            requires std::is_empty_v<keel::state_of<P, Clock>>
        {}
    };
    using frame = keel::frame_of<P>;
    static constexpr auto rejections = keel::detail::rejections_of<P>();

    constexpr keel::config_error validate() const noexcept { return keel::detail::validate(inner); }

    bool answer(auto& s, keel::call& c, frame& f, auto& o) const {
        if constexpr (requires { inner.answer(s, c, f, o); })
            return inner.answer(s, c, f, o);
        else if constexpr (requires { inner.answer(c, f, o); })
            return inner.answer(c, f, o);
        else
            return false;
    }
    keel::admission admit(auto& s, keel::call& c, frame& f) const {
        if constexpr (requires { inner.admit(s, c, f); })
            return inner.admit(s, c, f);
        else
            return inner.admit(c, f);
    }
    keel::verdict settle(auto& s, keel::call& c, frame& f, auto& o) const {
        if constexpr (requires { inner.settle(s, c, f, o); })
            return inner.settle(s, c, f, o);
        else
            return inner.settle(c, f, o);
    }
    void abandon(auto& s, keel::call& c, frame& f) const noexcept {
        if constexpr (requires { inner.abandon(s, c, f); })
            inner.abandon(s, c, f);
        else if constexpr (requires { inner.abandon(c, f); })
            inner.abandon(c, f);
    }
};

} // namespace support
