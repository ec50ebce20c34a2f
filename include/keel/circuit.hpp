#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "circuit_config.hpp"
#include "circuit_permit.hpp"
#include "circuit_stats.hpp"
#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "detail/circuit_machine.hpp"
#include "detail/circuit_word.hpp"
#include "sync/atomics.hpp"
#include "window/sliding_window.hpp"

#include <cstdint>
#include <utility>

namespace keel {

/// The state of one breaker: the object that opens and closes. Part of a pipeline, or on its own and shared by several
/// through `keel::through(circuit)`. Thread-safe; neither copied nor moved; allocates nothing.
///
/// By hand, without a pipeline:
///
///     auto permit = payments.try_acquire();
///     if (!permit) return busy(permit.retry_after());
///     ... permit.success();  or  permit.failure();  or drop it: ignored
template <class Window = sliding_window, class Clock = steady_clock, class Atomics = std_atomics>
class circuit : detail::circuit_machine<Window, Atomics> {
    using machine = detail::circuit_machine<Window, Atomics>;
    using word = typename machine::word;

  public:
    using config_type = breaker_config<Window>;
    using window_type = Window;
    using clock_type = Clock;

    /// Throws `invalid_config`. The clock is for what is done by hand; pipelines bring their own. Can be `constinit` if
    /// the clock can.
    constexpr circuit()
      : circuit(config_type{}) {}
    constexpr explicit circuit(const config_type& config, Clock clock = {})
      : machine(config)
      , clock_(std::move(clock)) {
        if !consteval {
            machine::made_at(clock_.now());
        }
    }
    circuit(const circuit&) = delete;
    circuit& operator=(const circuit&) = delete;

    /// An open circuit stays `open` until the first call after its open period.
    circuit_state state() const noexcept { return machine::state(); }

    const config_type& config() const noexcept { return machine::config(); }

    /// A snapshot of what is counted. Any time, from any thread; takes about as long as a failed call.
    circuit_stats stats() const noexcept { return machine::stats(clock_.now()); }

    /// The last transitions, at most `circuit_log::capacity`.
    circuit_log log() const noexcept { return machine::log(); }

    /// Each of these is legal in every state, and begins a new generation: results of calls that are under way are
    /// dropped, and re-trips are counted from zero.
    void close() noexcept {
        enter([](std::uint64_t g) { return word::warming(g); });
    }
    void force_open() noexcept {
        enter([](std::uint64_t g) { return word::forced_open(g); });
    }
    void disable() noexcept {
        enter([](std::uint64_t g) { return word::disabled(g); });
    }
    void metrics_only() noexcept {
        enter([](std::uint64_t g) { return word::metrics_only(g); });
    }
    void half_open() noexcept {
        enter([](std::uint64_t g) { return word::half_open(g, 0); });
    }
    /// As if it had tripped now.
    void open() noexcept {
        enter([this](std::uint64_t) { return machine::opened(clock_.now(), 0); });
    }
    /// As `close()`, and the totals count from zero again.
    void reset() noexcept {
        close();
        machine::reset_totals();
    }

    using acquired = keel::acquired<circuit>;
    using permit = typename machine::permit;

    /// Asks for one call, by hand.
    [[nodiscard]] acquired try_acquire() noexcept { return acquired(*this); }

    // For policies: what `fast_admit`, `fast_refuse`, `admit`, `fast_settle` and `settle` of a breaker do.
    using machine::admit;
    using machine::settle;
    using machine::try_admit;
    using machine::try_refuse;
    using machine::try_success;

  private:
    friend acquired;

    // A call that is made by hand.
    call begun() const noexcept { return call(clock_ref(clock_)); }
    template <class Next>
    void enter(Next next_in) noexcept {
        call c = begun();
        machine::by_hand(c, next_in);
    }

    // Not [[no_unique_address]]: two empty clocks can't share an address, so a circuit would have to make way for the
    // clock of its pipeline, which has the first one.
    Clock clock_;
};

} // namespace keel
