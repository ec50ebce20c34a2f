#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "circuit_config.hpp"
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
    using window_type = Window;
    using clock_type = Clock;

    /// Throws `invalid_config`. May be `constinit`.
    constexpr circuit()
      : circuit(config_type{}) {}
    constexpr explicit circuit(const config_type& config)
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
    KEEL_ALWAYS_INLINE bool is_refusing(call& c) const noexcept {
        const word seen{word_.load(std::memory_order_relaxed)};
        return seen.is_open() && !seen.is_over(c.now(), longest_open_);
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
    // With a day to spare, for a thread whose clock is behind sees more of a period than there is.
    constexpr nanos longest_open_period() const noexcept {
        const nanos grown = config_.growth.factor > 1 ? config_.growth.cap : config_.open_for;
        constexpr nanos day = std::chrono::hours(24);
        return nanos::from(static_cast<double>(grown.count) * (1 + config_.growth.jitter) +
                           static_cast<double>(day.count));
    }

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
    nanos longest_open_ = longest_open_period();
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
            if (!seen.is_over(c.now(), longest_open_)) return false;
            next = word::half_open(next_generation(), seen.retrips()).with_grant();
        } else if (seen.granted() < config_.half_open_calls) {
            next = seen.with_grant();
        } else if (lease_is_over(c)) {
            next = seen.with_takeover();
        } else {
            return false;
        }
        // The lease runs from the first probe that is out, or is taken over: later ones do not prolong it.
        if (!seen.is_half_open() || seen.granted() == seen.recorded() || next.lease() != seen.lease()) renew_lease(c);
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
    // Not after a take-over: the permit is somebody else's then.
    while (seen.is_half_open() && seen.generation() == p.granted_in.generation() &&
           seen.lease() == p.granted_in.lease() && seen.granted() > seen.recorded()) {
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
