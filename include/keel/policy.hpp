#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "clock/steady_clock.hpp"
#include "config.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "outcome.hpp"

#include <array>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace keel {

/// What `admit` says: go on (`proceed`), or `refuse(errc)`, perhaps with a time to wait, or `ask_again_after(d)`.
struct [[nodiscard]] admission {
    errc reason{};
    bool waits = false;  ///< `admit` wants to be asked again, with the same frame
    nanos retry_after{}; ///< how long until asking again makes sense; after a refusal 0 if that is unknown

    constexpr bool granted() const noexcept { return reason == errc{} && !waits; }
};
inline constexpr admission proceed{};
constexpr admission refuse(errc reason, nanos retry_after = {}) noexcept { return {reason, false, retry_after}; }
/// The call waits for that long and then asks `admit` again. If it is dropped before, `abandon` follows.
constexpr admission ask_again_after(nanos delay) noexcept { return {{}, true, delay}; }

/// What `settle` says: the outcome stands (`verdict::keep()`), or the inner call runs again after a delay
/// (`verdict::again_after(d)`). To replace an outcome, change it and keep it.
struct [[nodiscard]] verdict {
    bool again = false;
    nanos delay{};

    static constexpr verdict keep() noexcept { return {}; }
    static constexpr verdict again_after(nanos delay) noexcept { return {true, delay}; }
};

/// Which times a policy wants in the `call` on the healthy path. The clock is read only where a policy of the chain
/// asks for it here; on the cold lane it is read when somebody first asks for the time.
struct needs {
    bool entry_time = false;  ///< `call.now()` in `fast_admit`
    bool settle_time = false; ///< `call.now()` in `fast_settle`

    friend constexpr needs operator|(needs a, needs b) noexcept {
        return {a.entry_time || b.entry_time, a.settle_time || b.settle_time};
    }
};

namespace detail {

struct no_frame {};
struct absent {};

template <class P, class Clock>
struct state_type {
    using type = absent;
};
template <class P, class Clock>
    requires requires { typename P::template state<Clock>; }
struct state_type<P, Clock> {
    using type = typename P::template state<Clock>;
};

template <class P>
struct frame_type {
    using type = no_frame;
};
template <class P>
    requires requires { typename P::frame; }
struct frame_type<P> {
    using type = typename P::frame;
};

} // namespace detail

/// The mutable part of a policy, one in each pipeline: `P::state<Clock>`, made from the policy; or none.
template <class P, class Clock>
using state_of = typename detail::state_type<P, Clock>::type;

/// What a policy remembers of one call between its hooks: `P::frame`; or none.
template <class P>
using frame_of = typename detail::frame_type<P>::type;

namespace detail {

template <class P, class... S>
concept admits = requires(const P& p, S&... state, call& c, frame_of<P>& f) {
    { p.admit(state..., c, f) } -> std::same_as<admission>;
};
template <class P, class... S>
concept settles = requires(const P& p, S&... state, call& c, frame_of<P>& f, outcome_of<int>& o) {
    { p.settle(state..., c, f, o) } -> std::same_as<verdict>;
};
template <class P, class... S>
concept abandons = requires(const P& p, S&... state, call& c, frame_of<P>& f) { p.abandon(state..., c, f); };

template <class P, class... S>
concept rides_express_with_frame = requires(const P& p, S&... state, call& c, frame_of<P>& f) {
    { p.fast_admit(state..., c, f) } noexcept -> std::same_as<bool>;
    { p.fast_settle(state..., c, f) } noexcept -> std::same_as<bool>;
};
template <class P, class... S>
concept rides_express_without_frame = requires(const P& p, S&... state, call& c) {
    { p.fast_admit(state..., c) } noexcept -> std::same_as<bool>;
    { p.fast_settle(state..., c) } noexcept -> std::same_as<bool>;
};
template <class P, class... S>
concept refuses_at_once = requires(const P& p, S&... state, call& c) {
    { p.fast_refuse(state..., c) } noexcept -> std::same_as<admission>;
};

template <class P, class State>
inline constexpr bool is_policy = admits<P, State> && settles<P, State>;
template <class P>
inline constexpr bool is_policy<P, absent> = admits<P> && settles<P>;

template <class P, class State>
inline constexpr bool has_abandon = abandons<P, State>;
template <class P>
inline constexpr bool has_abandon<P, absent> = abandons<P>;

enum class express_lane { none, with_frame, without_frame };

template <class P, class... S>
inline constexpr express_lane lane_with = rides_express_without_frame<P, S...> ? express_lane::without_frame
                                          : rides_express_with_frame<P, S...>  ? express_lane::with_frame
                                                                               : express_lane::none;
template <class P, class State>
inline constexpr express_lane lane_of = lane_with<P, State>;
template <class P>
inline constexpr express_lane lane_of<P, absent> = lane_with<P>;

/// The frame that the express lane keeps for a policy.
template <class P, class State>
using express_frame_of = std::conditional_t<lane_of<P, State> == express_lane::with_frame, frame_of<P>, absent>;

template <class P, class State>
inline constexpr bool has_fast_refuse = refuses_at_once<P, State>;
template <class P>
inline constexpr bool has_fast_refuse<P, absent> = refuses_at_once<P>;

} // namespace detail

/// A policy: a value with these two hooks.
///
///     admission admit(call&, frame&) const
///         Says `proceed`, `refuse(errc)`, or `ask_again_after(d)`. Does not wait by itself: where it runs, an event
///         loop may.
///     verdict settle(call&, frame&, auto& outcome) const
///         Says `verdict::keep()`, or `verdict::again_after(d)`. Follows each `admit` that proceeded, innermost policy
///         first; if a hook or a wait throws, `abandon` follows instead.
///
/// Any of the following may be added.
///
///     bool answer(call&, frame&, auto& outcome) const
///         Asked before each `admit`. Either sets the outcome and returns true: then neither what is inside nor any
///         other hook of this policy runs. Or does nothing and returns false.
///     void abandon(call&, frame&) const noexcept
///         The call was dropped: gives back what `admit` took, or has reserved for when it is asked again.
///     bool fast_admit(call&, frame&) const noexcept
///     bool fast_settle(call&, frame&) const noexcept
///         Both or neither: `admit`, and `settle` of a success, for the express lane. Each either does all that the
///         other would do and returns true, or does nothing and returns false. May leave out the frame, which then
///         must be as good as new where `admit` proceeds.
///     admission fast_refuse(call&) const noexcept
///         Either refuses as `admit` would, and does all that it would do; or does nothing and proceeds.
///     bool lets_pass(errc) const noexcept
///         Whether `settle` would leave a rejection from further in unchanged. Such a policy gets no `settle` for a
///         `fast_admit` whose call ends by a rejection that it lets pass.
///     bool approves(const R& result) const
///         Whether a returned value counts as a success for this policy.
///     std::uint32_t retries() const
///         How often at most it says `again_after` in one run of itself, each time after `call::take_retry()`: calls
///         inside its attempts share these retries. Asked once for each pipeline.
///     keel::needs needs, or needs()
///         What the fast hooks want in the call; nothing by default.
///     struct frame
///         What it remembers of one call between its hooks.
///     template <class Clock> struct state
///         One in each pipeline, made from the policy, or from it and the clock. Every hook then takes a
///         `state<Clock>&` in front.
///     static constexpr errc rejections[]
///         What it refuses with; `errc::refused` by default.
///     policy_facts facts() const noexcept
///         What `explain` and `strict` have to know of it.
///     config_error validate() const noexcept
///         The first value of its configuration that is out of range.
///
/// Hooks may run in any number of threads at once; a frame belongs to one call. In a call that is driven by hand, one
/// thread may call one hook and another the next, and a frame be moved in between.
template <class P>
concept policy = std::copy_constructible<P> && detail::is_policy<P, state_of<P, steady_clock>>;

namespace detail {

template <class P>
constexpr needs needs_of(const P& p) noexcept {
    if constexpr (requires { p.needs(); })
        return p.needs();
    else if constexpr (requires { p.needs; })
        return p.needs;
    else
        return {};
}

template <class P>
inline constexpr bool counts_retries = requires(const P& p) { p.retries(); };

/// Whether it runs what is inside it several times at once, which only the driver of coroutines can do.
template <class P>
inline constexpr bool forks = requires { requires P::forks; };

template <class P>
constexpr std::uint32_t retries_of(const P& p) {
    if constexpr (counts_retries<P>)
        return p.retries();
    else
        return 0;
}

template <class P>
constexpr config_error validate(const P& p) noexcept {
    if constexpr (requires { p.validate(); })
        return p.validate();
    else
        return {};
}

inline constexpr errc default_rejections[] = {errc::refused};

template <class P>
constexpr auto rejections_of() noexcept {
    if constexpr (requires { P::rejections.size(); })
        return P::rejections;
    else if constexpr (requires { P::rejections; })
        return std::to_array(P::rejections);
    else
        return std::to_array(default_rejections);
}

} // namespace detail
} // namespace keel
