#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../detail/macros.hpp"
#include "../policy.hpp"

namespace keel::detail {

/// A policy's hooks as the lanes call them, whether it has a state or none. Plain functions: generic lambdas would read
/// the same and take compilers twice as long.
template <class P, class State>
struct hooks {
    using policy_type = P;
    static constexpr express_lane lane = lane_of<P, State>;
    static constexpr bool has_fast_refuse = detail::has_fast_refuse<P, State>;

    const P& policy;
    State& state;

    template <class Outcome>
    bool answer([[maybe_unused]] call& c, [[maybe_unused]] frame_of<P>& f, [[maybe_unused]] Outcome& o) const {
        if constexpr (requires { policy.answer(state, c, f, o); })
            return policy.answer(state, c, f, o);
        else
            return false;
    }
    admission admit(call& c, frame_of<P>& f) const { return policy.admit(state, c, f); }
    template <class Outcome>
    verdict settle(call& c, frame_of<P>& f, Outcome& o) const {
        return policy.settle(state, c, f, o);
    }
    void abandon(call& c, frame_of<P>& f) const noexcept {
        if constexpr (has_abandon<P, State>) policy.abandon(state, c, f);
    }
    KEEL_ALWAYS_INLINE bool fast_admit(call& c, express_frame_of<P, State>& f) const noexcept {
        if constexpr (lane == express_lane::with_frame)
            return policy.fast_admit(state, c, f);
        else
            return policy.fast_admit(state, c);
    }
    KEEL_ALWAYS_INLINE bool fast_settle(call& c, express_frame_of<P, State>& f) const noexcept {
        if constexpr (lane == express_lane::with_frame)
            return policy.fast_settle(state, c, f);
        else
            return policy.fast_settle(state, c);
    }
    KEEL_ALWAYS_INLINE admission fast_refuse(call& c) const noexcept { return policy.fast_refuse(state, c); }
};

template <class P>
struct hooks<P, absent> {
    using policy_type = P;
    static constexpr express_lane lane = lane_of<P, absent>;
    static constexpr bool has_fast_refuse = detail::has_fast_refuse<P, absent>;

    const P& policy;
    absent& state;

    template <class Outcome>
    bool answer([[maybe_unused]] call& c, [[maybe_unused]] frame_of<P>& f, [[maybe_unused]] Outcome& o) const {
        if constexpr (requires { policy.answer(c, f, o); })
            return policy.answer(c, f, o);
        else
            return false;
    }
    admission admit(call& c, frame_of<P>& f) const { return policy.admit(c, f); }
    template <class Outcome>
    verdict settle(call& c, frame_of<P>& f, Outcome& o) const {
        return policy.settle(c, f, o);
    }
    void abandon(call& c, frame_of<P>& f) const noexcept {
        if constexpr (has_abandon<P, absent>) policy.abandon(c, f);
    }
    KEEL_ALWAYS_INLINE bool fast_admit(call& c, express_frame_of<P, absent>& f) const noexcept {
        if constexpr (lane == express_lane::with_frame)
            return policy.fast_admit(c, f);
        else
            return policy.fast_admit(c);
    }
    KEEL_ALWAYS_INLINE bool fast_settle(call& c, express_frame_of<P, absent>& f) const noexcept {
        if constexpr (lane == express_lane::with_frame)
            return policy.fast_settle(c, f);
        else
            return policy.fast_settle(c);
    }
    KEEL_ALWAYS_INLINE admission fast_refuse(call& c) const noexcept { return policy.fast_refuse(c); }
};

} // namespace keel::detail
