#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "results.hpp"

#include <keel/call.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/outcome.hpp>
#include <keel/policy.hpp>
#include <keel/sync/thread_slot.hpp>

#include <chrono>
#include <expected>
#include <optional>
#include <system_error>
#include <type_traits>

namespace support {

/// A policy whose calls begin and end when the test says so, in any order: on the express lane where that takes them,
/// or on the cold lane alone.
template <keel::policy P, bool Express = true>
class flights {
  public:
    struct flight {
        keel::frame_of<P> frame{};
        bool on_express_lane = false;
    };

    explicit flights(const P& p)
      : policy(p)
      , state(made(policy, clock)) {
        keel::thread_slots::claim();
        clock.set(keel::time_point(std::chrono::seconds(1000)));
    }

    /// Nothing if the call is refused.
    std::optional<flight> begin() {
        flight f;
        keel::call c = now();
        if constexpr (Express) f.on_express_lane = policy.fast_admit(state, c, f.frame);
        if (f.on_express_lane || policy.admit(state, c, f.frame).granted()) return f;
        return std::nullopt;
    }
    void succeed(flight& f) {
        keel::call c = now();
        if (!f.on_express_lane || !policy.fast_settle(state, c, f.frame)) settle(f, good());
    }
    void fail(flight& f) { settle(f, bad()); }
    void ignore(flight& f) { settle(f, cancelled()); }
    void drop(flight& f) {
        keel::call c = now();
        policy.abandon(state, c, f.frame);
    }

    P policy;
    keel::manual_clock clock;
    keel::state_of<P, keel::manual_clock> state;

  private:
    using state_type = keel::state_of<P, keel::manual_clock>;
    static state_type made(const P& p, const keel::manual_clock& clock) {
        if constexpr (std::is_constructible_v<state_type, const P&, const keel::manual_clock&>)
            return state_type(p, clock);
        else
            return state_type(p);
    }

    keel::call now() const {
        keel::call c{keel::clock_ref(clock)};
        c.turn_at(clock.now());
        return c;
    }
    void settle(flight& f, const result& r) {
        keel::call c = now();
        keel::outcome_of<result> o;
        o.emplace([&] { return r; });
        static_cast<void>(policy.settle(state, c, f.frame, o));
    }
};

} // namespace support
