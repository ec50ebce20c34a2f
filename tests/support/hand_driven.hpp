#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/call.hpp>
#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/sync/atomics.hpp>
#include <keel/sync/thread_slot.hpp>

#include <chrono>
#include <optional>

namespace support {

/// A circuit whose calls begin and end when the test says so, in any order: on the express lane where that takes them,
/// or on the cold lane alone.
template <class Window, bool Express = true, class Atomics = keel::std_atomics>
class hand_driven {
  public:
    using circuit_type = keel::circuit<Window, keel::manual_clock, Atomics>;
    struct permit : circuit_type::permit {
        bool on_express_lane = false;
    };

    explicit hand_driven(const keel::breaker_config<Window>& config, keel::nanos now = {})
      : circuit(config, clock) {
        keel::thread_slots::claim(); // only threads that have one are refused without the cold lane
        clock.advance(now);
    }

    std::optional<permit> ask() {
        permit p;
        keel::call c = begun();
        p.on_express_lane = Express && circuit.try_admit(p, c, circuit.config());
        if (p.on_express_lane || circuit.admit(p, c).granted()) return p;
        return std::nullopt;
    }
    void end(const permit& p, keel::ending e) {
        keel::call c = begun();
        const bool express = p.on_express_lane && e == keel::ending::succeeded;
        if (!express || !circuit.try_success(p, c, circuit.config())) circuit.settle(p, c, e);
    }
    void succeed(const permit& p) { end(p, keel::ending::succeeded); }
    void fail(const permit& p) { end(p, keel::ending::failed); }
    void ignore(const permit& p) { end(p, keel::ending::ignored); }

    /// A call that ends after `time`. Whether it was let through.
    bool takes(std::chrono::nanoseconds time, keel::ending e = keel::ending::succeeded) {
        const auto p = ask();
        clock.advance(time);
        if (p) end(*p, e);
        return p.has_value();
    }
    /// A call that ends at once.
    bool run(keel::ending e) { return takes({}, e); }
    bool succeed() { return run(keel::ending::succeeded); }
    bool fail() { return run(keel::ending::failed); }

    /// How many calls are let through now; they give their permits back.
    int room(int most = 200) {
        std::optional<permit> held[200];
        int n = 0;
        while (n < most && (held[n] = ask()))
            ++n;
        for (int i = 0; i < n; ++i)
            ignore(*held[i]);
        return n;
    }

    /// Whether the circuit refuses without the cold lane. Counts as a rejection.
    bool refuses() {
        keel::call c = begun();
        return !circuit.try_refuse(c).granted();
    }
    keel::circuit_state state() const { return circuit.state(); }

    keel::manual_clock clock;
    circuit_type circuit;

  private:
    keel::call begun() const {
        keel::call c;
        c.turn_at(clock.now());
        return c;
    }
};

} // namespace support
