// SPDX-License-Identifier: BSL-1.0
#include "support/results.hpp"

#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/sync/thread_slot.hpp>
#include <keel/through.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <concepts>

using namespace std::chrono_literals;

namespace {
using window = keel::consecutive_failures;
constexpr keel::breaker_config<window> quick{.window = {.failures = 1}, .open_for = 10s, .half_open_calls = 1};

/// The hooks of a policy with a circuit, called by hand.
template <class Policy>
struct guarded {
    const Policy& policy;
    keel::manual_clock clock{};
    typename Policy::template state<keel::manual_clock> state;

    explicit guarded(const Policy& p)
      : policy(p)
      , state(made_of(p, clock)) {}
    static auto made_of(const Policy& p, const keel::manual_clock& clock) {
        using made = typename Policy::template state<keel::manual_clock>;
        if constexpr (std::constructible_from<made, const Policy&, const keel::manual_clock&>)
            return made(p, clock);
        else
            return made(p);
    }

    keel::call now() const {
        keel::call c;
        c.turn_at(clock.now());
        return c;
    }
    bool admits(keel::circuit_permit& f) {
        keel::call c = now();
        return policy.admit(state, c, f).granted();
    }
    bool refuses_at_once() {
        keel::call c = now();
        return policy.fast_refuse(state, c).reason == keel::errc::circuit_open;
    }
    void settle(keel::circuit_permit& f, bool failed) {
        keel::call c = now();
        keel::outcome_of<support::result> o;
        o.emplace([&] { return failed ? support::bad() : support::good(); });
        CHECK(!policy.settle(state, c, f, o).again);
    }
};

template <class Policy>
void probes_and_refuses(const Policy& policy) {
    keel::thread_slots::claim(); // only threads that have one are refused without the cold lane
    guarded<Policy> g(policy);
    keel::circuit_permit f, probe;
    REQUIRE(g.admits(f));
    CHECK(!g.refuses_at_once());
    g.settle(f, true);
    CHECK(g.refuses_at_once());
    CHECK(!g.admits(f));
    g.clock.advance(10s);
    CHECK(!g.refuses_at_once());
    REQUIRE(g.admits(probe));
    CHECK(!g.admits(f));
    CHECK(!g.refuses_at_once()); // half-open is not for the express lane to judge
    keel::call c = g.now();
    policy.abandon(g.state, c, probe);
    REQUIRE(g.admits(probe));
    g.settle(probe, false);
    CHECK(g.state.circuit.state() == keel::circuit_state::closed);
    // From now on a success is for the express lane alone.
    REQUIRE(g.admits(f));
    g.settle(f, false);
    CHECK(policy.fast_admit(g.state, c, f));
    CHECK(policy.fast_settle(g.state, c, f));
}
} // namespace

TEST_CASE("a breaker and a shared circuit guard a call by the same hooks") {
    probes_and_refuses(keel::breaker<window>(quick));
    keel::circuit<window, keel::manual_clock> shared(quick);
    probes_and_refuses(keel::through(shared));
}

TEST_CASE("what guards a call refuses with circuit_open and nothing else") {
    CHECK(keel::detail::rejections_of<keel::breaker_policy<window>>() == std::array{keel::errc::circuit_open});
    CHECK(keel::detail::rejections_of<keel::through_policy<keel::circuit<window>>>() ==
          std::array{keel::errc::circuit_open});
}
