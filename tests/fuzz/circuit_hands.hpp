#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "circuit_setup.hpp"
#include "support/naive_circuit.hpp"

#include <keel/call.hpp>
#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/outcome.hpp>
#include <keel/sync/atomics.hpp>

#include <cstdint>
#include <utility>
#include <variant>

// How calls of keel's circuit begin and end.

namespace fuzz::detail {

using support::naive_circuit;

/// Threads, one after another: the one whose turn it is does everything. Generations are so few that it costs little to
/// begin shortly before they wrap, and more than `most_operations` make.
struct in_turns : keel::std_atomics {
    static constexpr unsigned generation_bits = 11;
    static inline std::uint32_t turn = 0;
    static std::uint32_t slot() noexcept { return turn; }
    static std::uint32_t claim_slot() noexcept { return turn; }
};

/// keel's circuit, asked by hand.
template <class Window>
class by_permits {
  public:
    using circuit_type = keel::circuit<Window, keel::manual_clock>;
    using call = typename circuit_type::acquired;
    static constexpr int generations = 1 << keel::std_atomics::generation_bits;
    static constexpr bool leaves_out_successes = false;

    by_permits(const config_of<Window>& c, const keel::manual_clock& clock)
      : circuit(c, clock) {}

    /// How long the call is to wait, where it was refused.
    std::variant<call, duration> ask() {
        call c = circuit.try_acquire();
        if (!c) return c.retry_after();
        return c;
    }
    void end(call& c, naive_circuit::ending e) {
        if (e == naive_circuit::ending::success) c.success();
        if (e == naive_circuit::ending::failure) c.failure();
        if (e == naive_circuit::ending::ignored) static_cast<void>(call(std::move(c)));
    }

    circuit_type circuit;
};

/// The same by the hooks of a breaker: each first by the way of the express lane.
template <class Window>
class by_hooks {
  public:
    using circuit_type = keel::circuit<Window, keel::manual_clock, in_turns>;
    static constexpr int generations = 1 << in_turns::generation_bits;
    struct call {
        typename circuit_type::permit permit;
        bool express = false;
    };
    // A success that ends no row of failures writes nothing, so the totals do not have it.
    static constexpr bool leaves_out_successes = !Window::by_rate;

    by_hooks(const config_of<Window>& c, const keel::manual_clock& clock)
      : circuit(c, clock)
      , clock_(clock) {}

    std::variant<call, duration> ask() {
        call mine;
        keel::call c = begun();
        mine.express = circuit.try_admit(mine.permit, c, circuit.config());
        if (mine.express) return mine;
        keel::admission a = circuit.try_refuse(c);
        if (a.granted()) a = circuit.admit(mine.permit, c);
        if (!a.granted()) return duration(a.retry_after);
        return mine;
    }
    void end(call& mine, naive_circuit::ending e) {
        keel::call c = begun();
        const bool success = e == naive_circuit::ending::success;
        if (mine.express && success && circuit.try_success(mine.permit, c, circuit.config())) return;
        circuit.settle(mine.permit, c,
                       success                               ? keel::ending::succeeded
                       : e == naive_circuit::ending::failure ? keel::ending::failed
                                                             : keel::ending::ignored);
    }

    circuit_type circuit;

  private:
    keel::call begun() const {
        keel::call c;
        c.turn_at(clock_.now());
        return c;
    }
    keel::manual_clock clock_;
};

} // namespace fuzz::detail
