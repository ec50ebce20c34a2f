#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "clock/steady_clock.hpp"
#include "config.hpp"
#include "detail/circuit_word.hpp"
#include "detail/lesser.hpp"
#include "detail/macros.hpp"
#include "outcome.hpp"
#include "random.hpp"
#include "sync/atomics.hpp"
#include "window/judgement.hpp"
#include "window/sliding_window.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

namespace keel {

/// How the open period changes when probes have failed. The first period after a healthy time is `open_for` exactly.
struct open_period_growth {
    double factor = 1;                   ///< of each period to the one before; 1 to 100
    nanos cap = std::chrono::minutes(5); ///< of the growing period; where `factor` is above 1 at least `open_for`
    double jitter = 0.1;                 ///< each period is longer by a uniform share of up to this; 0 to 1

    constexpr void check(detail::checker& c, nanos open_for) const noexcept {
        c.require(factor >= 1 && factor <= 100, "growth.factor", factor, "must be at least 1 and at most 100")
            .positive("growth.cap", cap)
            .require(factor == 1 || cap >= open_for, "growth.cap", static_cast<double>(cap.count),
                     "must be at least open_for")
            .require(jitter >= 0 && jitter <= 1, "growth.jitter", jitter, "must be at least 0 and at most 1");
    }
};

namespace detail {

// What a breaker of any window has; `open_for` is bounded by what the circuit's word can tell apart.
template <class Config>
constexpr void check_recovery(checker& c, const Config& config) noexcept {
    constexpr nanos year = std::chrono::hours(24 * 365);
    c.positive("open_for", config.open_for)
        .require(config.open_for <= year, "open_for", static_cast<double>(config.open_for.count),
                 "must be at most one year")
        .require(config.half_open_calls >= 1 && config.half_open_calls <= circuit_word::most_probes, "half_open_calls",
                 config.half_open_calls, "must be at least 1 and at most 127")
        .positive("half_open_max_wait", config.half_open_max_wait);
    config.growth.check(c, config.open_for);
    c.require(config.growth.cap <= year, "growth.cap", static_cast<double>(config.growth.cap.count),
              "must be at most one year");
}

} // namespace detail

/// Configuration of a circuit whose window counts results by their rate.
template <class Window>
struct breaker_config {
    Window window{};
    double failure_rate = 0.5; ///< trips at this share of failures or more; above 0, at most 1
    int minimum_calls =
        20; ///< nothing is decided with fewer in the window; a smaller count window lowers it; at least 1
    nanos open_for = std::chrono::seconds(30);           ///< calls are refused for this long; at most a year
    int half_open_calls = 3;                             ///< probes granted before the circuit decides; 1 to 127
    nanos half_open_max_wait = std::chrono::seconds(10); ///< after this, probes that did not come back are given up
    open_period_growth growth{};

    constexpr config_error validate() const noexcept {
        detail::checker c("breaker");
        window.check(c, failure_rate);
        c.share("failure_rate", failure_rate)
            .require(minimum_calls >= 1, "minimum_calls", minimum_calls, "must be at least 1");
        detail::check_recovery(c, *this);
        return c.error;
    }

    template <class Counts>
    judgement judge(const Counts& counts, call& c) const noexcept {
        return counts.judge(window, c, minimum_calls, failure_rate);
    }
    constexpr judgement judge_probes(int recorded, int failed) const noexcept {
        if (recorded < detail::lesser(minimum_calls, half_open_calls)) return judgement::too_few;
        const bool failing =
            detail::reaches(static_cast<std::uint64_t>(failed), static_cast<std::uint64_t>(recorded), failure_rate);
        return failing ? judgement::failing : judgement::healthy;
    }
};

/// Configuration of a circuit that counts failures in a row: one failed probe opens it again, `half_open_calls`
/// successful ones close it.
template <class Window>
    requires(!Window::by_rate)
struct breaker_config<Window> {
    Window window{};
    nanos open_for = std::chrono::seconds(30);           ///< calls are refused for this long; at most a year
    int half_open_calls = 3;                             ///< probes granted before the circuit decides; 1 to 127
    nanos half_open_max_wait = std::chrono::seconds(10); ///< after this, probes that did not come back are given up
    open_period_growth growth{};

    constexpr config_error validate() const noexcept {
        detail::checker c("breaker");
        window.check(c);
        detail::check_recovery(c, *this);
        return c.error;
    }

    template <class Counts>
    judgement judge(const Counts& counts, call& c) const noexcept {
        return counts.judge(window, c);
    }
    constexpr judgement judge_probes(int recorded, int failed) const noexcept {
        if (failed > 0) return judgement::failing;
        return recorded < half_open_calls ? judgement::too_few : judgement::healthy;
    }
};

/// The right to make one call, and the generation in which it was granted. A result that comes back in another
/// generation is dropped: it neither trips, closes, nor takes or returns a probe.
struct circuit_permit {
    detail::circuit_word granted_in{};
};

/// The state of one breaker: the object that opens and closes. Part of a pipeline, or on its own and shared by several
/// through `keel::through(circuit)`. Thread-safe; neither copied nor moved; allocates nothing.
template <class Window = sliding_window, class Clock = steady_clock, class Atomics = std_atomics>
class circuit {
  public:
    using config_type = breaker_config<Window>;
    using clock_type = Clock;

    /// Throws `invalid_config`.
    circuit()
      : circuit(config_type{}) {}
    explicit circuit(const config_type& config)
      : config_(detail::validated(config)) {}
    circuit(const circuit&) = delete;
    circuit& operator=(const circuit&) = delete;

    /// An open circuit says open until a call comes and finds that its period is over.
    circuit_state state() const noexcept {
        const word w{word_.load(std::memory_order_relaxed)};
        if (w.is_open()) return circuit_state::open;
        return w.is_half_open() ? circuit_state::half_open : circuit_state::closed;
    }

    const config_type& config() const noexcept { return config_; }

    using permit = circuit_permit;

    /// For policies: what `fast_admit`, `fast_refuse`, `admit`, `fast_settle` and `settle` of a breaker do.
    KEEL_ALWAYS_INLINE bool try_admit(permit& p) const noexcept {
        // Relaxed: a stale closed lets one more call through, whose result its generation then makes harmless.
        p.granted_in = word{word_.load(std::memory_order_relaxed)};
        return p.granted_in.is_steady();
    }
    KEEL_ALWAYS_INLINE bool try_success(const permit& p, call& c, const Window& window) noexcept {
        if (word_.load(std::memory_order_relaxed) != p.granted_in.bits) [[unlikely]]
            return false;
        return counts_.try_success(window, c);
    }
    bool is_refusing(call& c) const noexcept {
        const word seen{word_.load(std::memory_order_relaxed)};
        return seen.is_open() && !seen.is_over(c.now());
    }
    KEEL_COLD bool admit(permit& p, call& c) noexcept;
    KEEL_COLD void settle(const permit& p, call& c, ending e) noexcept;

  private:
    using word = detail::circuit_word;

    bool replace(word& seen, word next) noexcept {
        // Release: who reads the new word sees the lease and the start of the window that were written before it.
        return word_.compare_exchange_strong(seen.bits, next.bits, std::memory_order_acq_rel,
                                             std::memory_order_acquire);
    }
    std::uint64_t next_generation() noexcept { return generations_.fetch_add(1, std::memory_order_relaxed) + 1; }

    void give_back(const permit& p) noexcept;
    void settle_probe(word seen, call& c, bool failed) noexcept;
    void settle_closed(word seen, call& c, bool failed) noexcept;
    nanos open_period(unsigned retrips) const noexcept;

    static std::int64_t ticks(call& c) noexcept { return c.now().time_since_epoch().count(); }
    // Before the grant itself: whoever sees the permits used up must not see the lease of an earlier probe. A thread
    // that loses the grant may still have renewed the lease, to a time when the word was as it saw it.
    void renew_lease(call& c) noexcept { detail::raise_to(lease_began_, ticks(c), std::memory_order_relaxed); }
    bool lease_is_over(call& c) const noexcept {
        return ticks(c) - lease_began_.load(std::memory_order_relaxed) >= config_.half_open_max_wait.count;
    }

    // First, where the healthy path reaches its shard without adding an offset.
    typename Window::template counts<Atomics> counts_;
    typename Atomics::template atomic<std::uint64_t> word_{word::warming(0).bits};
    typename Atomics::template atomic<std::uint64_t> generations_{0};
    typename Atomics::template atomic<std::int64_t> lease_began_{0};
    config_type config_;
};

template <class Window, class Clock, class Atomics>
bool circuit<Window, Clock, Atomics>::admit(permit& p, call& c) noexcept {
    word seen{word_.load(std::memory_order_acquire)};
    for (;;) {
        word next;
        if (seen.is_closed()) {
            p.granted_in = seen;
            return true;
        }
        if (seen.is_open()) {
            if (!seen.is_over(c.now())) return false;
            next = word::half_open(next_generation(), seen.retrips()).with_grant();
        } else if (seen.granted() < config_.half_open_calls) {
            next = seen.with_grant();
        } else if (lease_is_over(c)) {
            next = seen.with_takeover();
        } else {
            return false;
        }
        renew_lease(c);
        if (replace(seen, next)) {
            p.granted_in = next;
            return true;
        }
    }
}

template <class Window, class Clock, class Atomics>
void circuit<Window, Clock, Atomics>::settle(const permit& p, call& c, ending e) noexcept {
    if (e == ending::ignored) return give_back(p);
    const word seen{word_.load(std::memory_order_acquire)};
    if (seen.is_open() || seen.generation() != p.granted_in.generation()) return;
    if (seen.is_half_open())
        settle_probe(seen, c, e == ending::failed);
    else
        settle_closed(seen, c, e == ending::failed);
}

template <class Window, class Clock, class Atomics>
void circuit<Window, Clock, Atomics>::give_back(const permit& p) noexcept {
    word seen{word_.load(std::memory_order_relaxed)};
    while (seen.is_half_open() && seen.generation() == p.granted_in.generation() && seen.granted() > seen.recorded()) {
        if (replace(seen, seen.without_grant())) return;
    }
}

template <class Window, class Clock, class Atomics>
void circuit<Window, Clock, Atomics>::settle_probe(word seen, call& c, bool failed) noexcept {
    const std::uint64_t generation = seen.generation();
    for (;;) {
        word next = seen.with_result(failed);
        switch (config_.judge_probes(next.recorded(), next.failed())) {
        case judgement::too_few:
            break;
        case judgement::failing:
            next = word::open(c.now() + open_period(seen.retrips() + 1), seen.retrips() + 1);
            break;
        case judgement::healthy:
            counts_.start_over(config_.window, c);
            next = word::warming(next_generation());
            break;
        }
        if (replace(seen, next)) return;
        if (!seen.is_half_open() || seen.generation() != generation) return;
    }
}

template <class Window, class Clock, class Atomics>
void circuit<Window, Clock, Atomics>::settle_closed(word seen, call& c, bool failed) noexcept {
    const std::uint64_t generation = seen.generation();
    if (failed)
        counts_.failure(config_.window, c, generation);
    else
        counts_.success(config_.window, c, generation);
    const judgement j = config_.judge(counts_, c);
    for (;;) {
        word next = seen;
        switch (j) {
        case judgement::too_few:
            next = seen.unsteady();
            break;
        case judgement::healthy:
            next = seen.steady();
            break;
        case judgement::failing:
            next = word::open(c.now() + open_period(0), 0);
            break;
        }
        if (next == seen || replace(seen, next)) return;
        if (!seen.is_closed() || seen.generation() != generation) return;
    }
}

template <class Window, class Clock, class Atomics>
nanos circuit<Window, Clock, Atomics>::open_period(unsigned retrips) const noexcept {
    if (retrips == 0) return config_.open_for;
    double period = static_cast<double>(config_.open_for.count);
    if (config_.growth.factor > 1) {
        for (unsigned i = 0; i < detail::lesser(retrips, word::most_retrips); ++i)
            period *= config_.growth.factor;
        period = detail::lesser(period, static_cast<double>(config_.growth.cap.count));
    }
    return nanos::from(period * (1 + config_.growth.jitter * thread_random().unit()));
}

} // namespace keel
