#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../circuit_config.hpp"
#include "../circuit_permit.hpp"
#include "../circuit_stats.hpp"
#include "../config.hpp"
#include "../duration.hpp"
#include "../error.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"
#include "../sync/atomics.hpp"
#include "../sync/cache_line.hpp"
#include "../window/in_flight.hpp"
#include "../window/judgement.hpp"
#include "circuit_tally.hpp"
#include "circuit_word.hpp"
#include "macros.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <type_traits>

namespace keel::detail {

/// What opens and closes: a circuit's word and all that changes it. Has no clock: each call brings the time.
template <class Window, class Atomics>
class circuit_machine {
  public:
    using config_type = breaker_config<Window>;
    using word = basic_circuit_word<Atomics::generation_bits>;
    using permit = basic_circuit_permit<word>;

    constexpr explicit circuit_machine(const config_type& config)
      : config_(validated(config)) {}

    circuit_state state() const noexcept { return word{word_.load(std::memory_order_relaxed)}.state(); }
    const config_type& config() const noexcept { return config_; }
    circuit_log log() const noexcept { return tally_.log(); }
    void made_at(time_point now) noexcept { tally_.made_at(now); }
    void reset_totals() noexcept { tally_.reset(counts_); }
    circuit_stats stats(time_point now) const noexcept;

    KEEL_ALWAYS_INLINE bool try_admit(permit& p, const call& c, const config_type& config) noexcept {
        // Relaxed: a stale closed lets one more call through, whose result its generation then makes harmless.
        p.granted_in = word{word_.load(std::memory_order_relaxed)};
        if (config.slow_call.may_count()) p.began = c.known_now();
        if constexpr (Window::counts_overdue) {
            if (!p.granted_in.is_steady()) return false;
            auto* const bucket = in_flight_.try_find(config.slow_call.longer_than, p.granted_in.generation(), p.began);
            if (bucket != nullptr) [[likely]]
                in_flight_.change(*bucket, 1);
            return bucket != nullptr;
        }
        return p.granted_in.is_steady();
    }
    KEEL_ALWAYS_INLINE bool try_success(const permit& p, call& c, const config_type& config) noexcept {
        if (word_.load(std::memory_order_relaxed) != p.granted_in.bits) [[unlikely]]
            return false;
        if (config.slow_call.may_count() && took(p, c.known_now()) > config.slow_call.longer_than) [[unlikely]]
            return false;
        if constexpr (Window::counts_overdue) {
            auto* const bucket = in_flight_.try_find(config.slow_call.longer_than, p.granted_in.generation(), p.began);
            if (bucket == nullptr || !counts_.try_success(config.window, c)) [[unlikely]]
                return false;
            in_flight_.change(*bucket, -1);
            return true;
        }
        return counts_.try_success(config.window, c);
    }
    KEEL_ALWAYS_INLINE admission try_refuse(call& c) noexcept {
        const word seen{word_.load(std::memory_order_relaxed)};
        if (!seen.is_open()) return proceed;
        const nanos left = seen.until_probe(c.now(), longest_open_);
        if (left == nanos(0) || !tally_.try_rejected()) return proceed;
        return refuse(errc::circuit_open, left);
    }
    KEEL_COLD admission admit(permit& p, call& c) noexcept;
    KEEL_COLD void settle(const permit& p, call& c, ending e) noexcept;

    /// A change by hand, to the word that `next_in` makes for a new generation.
    template <class Next>
    KEEL_COLD void by_hand(call& c, Next next_in) noexcept;
    word opened(time_point now, unsigned retrips) const noexcept {
        return word::open(now + config_.growth.period(config_.open_for, retrips), retrips);
    }

  private:
    bool replace(word& seen, word next) noexcept {
        // Release: who reads the new word sees the lease and the start of the window that were written before it.
        return word_.compare_exchange_strong(seen.bits, next.bits, std::memory_order_release,
                                             std::memory_order_acquire);
    }
    std::uint64_t next_generation() noexcept { return generations_.fetch_add(1, std::memory_order_relaxed) + 1; }

    void note(word from, word to, transition_cause cause, time_point at) noexcept {
        tally_.changed({at, from.state(), to.state(), cause});
    }
    void give_back(const permit& p) noexcept;
    // Whether the circuit has changed, by this thread or another; `seen` is then what it has become.
    bool trips_by_overdue(word& seen, call& c) noexcept;
    void settle_probe(word seen, call& c, graded g) noexcept;
    void settle_counted(word seen, call& c, graded g) noexcept;
    static constexpr transition_cause cause_of(judgement j) noexcept {
        return j == judgement::slow ? transition_cause::slow_calls : transition_cause::failures;
    }
    static std::int64_t ticks(call& c) noexcept { return c.now().time_since_epoch().count(); }
    // Unsigned, because either time may be unknown, `time_point::min()`, and must not overflow. No call is longer than
    // `never`.
    KEEL_ALWAYS_INLINE static nanos took(const permit& p, time_point now) noexcept {
        return nanos(static_cast<std::int64_t>(static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                                               static_cast<std::uint64_t>(p.began.time_since_epoch().count())));
    }
    // Called before the grant itself: whoever sees all permits granted must not see the lease of an earlier probe. A
    // thread that then loses the race for the grant has renewed the lease all the same, to a time when the word was as
    // it saw it.
    void renew_lease(call& c) noexcept { raise_to(lease_began_, ticks(c), std::memory_order_relaxed); }
    bool lease_is_over(call& c) const noexcept {
        return ticks(c) - lease_began_.load(std::memory_order_relaxed) >= config_.half_open_max_wait.count;
    }

    // First, where the healthy path reaches its shard without adding an offset.
    typename Window::template counts<Atomics> counts_;
    circuit_tally<Window::shards, Atomics> tally_;
    using in_flight =
        std::conditional_t<Window::counts_overdue, in_flight_calls<Window::shards, Atomics>, no_in_flight_calls>;
    [[no_unique_address]] in_flight in_flight_;
    // Lines that every call reads, and only transitions and probes write. A circuit's clock has room behind them.
    alignas(cache_line) typename Atomics::template atomic<std::uint64_t> word_{word::warming(0).bits};
    typename Atomics::template atomic<std::uint64_t> generations_{0};
    typename Atomics::template atomic<std::int64_t> lease_began_{INT64_MIN};
    config_type config_;
    nanos longest_open_ = config_.growth.longest(config_.open_for);
};

template <class Window, class Atomics>
admission circuit_machine<Window, Atomics>::admit(permit& p, call& c) noexcept {
    const auto turn_away = [&](nanos left) {
        tally_.rejected();
        return refuse(errc::circuit_open, left);
    };
    p.began = config_.slow_call.counts() ? c.now() : time_point::min();
    word seen{word_.load(std::memory_order_acquire)};
    for (;;) {
        word next;
        if (seen.is_closed() || seen.is_disabled() || seen.is_metrics_only()) {
            if constexpr (Window::counts_overdue) {
                if (trips_by_overdue(seen, c)) continue;
                if (!seen.is_disabled()) in_flight_.begin(config_.slow_call.longer_than, seen.generation(), p.began);
            }
            p.granted_in = seen;
            return proceed;
        }
        if (seen.is_open()) {
            if (const nanos left = seen.until_probe(c.now(), longest_open_); left > nanos(0)) return turn_away(left);
            next = word::half_open(next_generation(), seen.retrips()).with_grant();
        } else if (!seen.is_half_open()) {
            return turn_away(nanos(0));
        } else if (seen.granted() < config_.half_open_calls) {
            next = seen.with_grant();
        } else if (!lease_is_over(c)) {
            // How long is unknown: the probes may be back in a moment, and the lease is for those that never are.
            return turn_away(nanos(0));
        } else {
            next = seen.with_takeover();
        }
        // The lease runs from the first probe that is out, or is taken over: later ones do not prolong it.
        if (!seen.is_half_open() || seen.granted() == seen.recorded() || next.lease() != seen.lease()) renew_lease(c);
        const word before = seen;
        if (replace(seen, next)) {
            if (before.is_open()) note(before, next, transition_cause::open_period_over, c.now());
            p.granted_in = next;
            return proceed;
        }
    }
}

template <class Window, class Atomics>
bool circuit_machine<Window, Atomics>::trips_by_overdue(word& seen, call& c) noexcept {
    const nanos limit = config_.slow_call.longer_than;
    const std::uint64_t generation = seen.generation();
    if (!seen.is_closed() || !in_flight_.is_to_be_judged(limit, generation, c.now())) return false;
    const std::uint64_t overdue = in_flight_.overdue(limit, generation, c.now());
    if (overdue == 0) return false;
    const judgement j = config_.judge_overdue(counts_, c, generation, overdue);
    if (j != judgement::slow && j != judgement::failing) return false;
    if constexpr (!Window::by_rate) counts_.forget_all_but(generation);
    const word before = seen;
    const word next = opened(c.now(), 0);
    if (replace(seen, next)) {
        note(before, next, cause_of(j), c.now());
        seen = next;
    }
    return true;
}

template <class Window, class Atomics>
void circuit_machine<Window, Atomics>::settle(const permit& p, call& c, ending e) noexcept {
    const word seen{word_.load(std::memory_order_acquire)};
    const bool may_grant = !seen.is_open() && !seen.is_forced_open();
    if (!may_grant || seen.generation() != p.granted_in.generation()) return tally_.late();
    if (seen.is_disabled()) return;
    if constexpr (Window::counts_overdue) {
        if (!seen.is_half_open()) in_flight_.end(config_.slow_call.longer_than, seen.generation(), p.began, c.now());
    }
    if (e == ending::ignored) {
        tally_.ignored();
        return give_back(p);
    }
    const graded g{e == ending::failed, config_.slow_call.counts() && took(p, c.now()) > config_.slow_call.longer_than};
    if (seen.is_half_open())
        settle_probe(seen, c, g);
    else
        settle_counted(seen, c, g);
}

template <class Window, class Atomics>
void circuit_machine<Window, Atomics>::give_back(const permit& p) noexcept {
    word seen{word_.load(std::memory_order_relaxed)};
    // Not after a takeover: the permit is somebody else's then.
    while (seen.is_half_open() && seen.generation() == p.granted_in.generation() &&
           seen.lease() == p.granted_in.lease() && seen.granted() > seen.recorded()) {
        if (replace(seen, seen.without_grant())) return;
    }
}

template <class Window, class Atomics>
void circuit_machine<Window, Atomics>::settle_probe(word seen, call& c, graded g) noexcept {
    const std::uint64_t generation = seen.generation();
    for (;;) {
        word next = seen.with_result(g.failed, g.slow);
        const judgement j = config_.judge_probes(probes_in(next));
        switch (j) {
        case judgement::too_few:
            break;
        case judgement::slow:
        case judgement::failing:
            next = opened(c.now(), seen.retrips() + 1);
            break;
        case judgement::healthy:
            const auto so_far = counts_.so_far(config_.window, c);
            // Only if nothing of a later generation is in it: otherwise a late probe would erase what was recorded
            // there.
            if (const word still{word_.load(std::memory_order_relaxed)}; still != seen) {
                seen = still;
                if (!seen.is_half_open() || seen.generation() != generation) return tally_.late();
                continue;
            }
            counts_.start_over(so_far);
            next = word::warming(next_generation());
            break;
        }
        const word before = seen;
        if (replace(seen, next)) {
            tally_.probe(g);
            if (!next.is_half_open())
                note(before, next, next.is_open() ? cause_of(j) : transition_cause::probes_succeeded, c.now());
            return;
        }
        if (!seen.is_half_open() || seen.generation() != generation) return tally_.late();
    }
}

template <class Window, class Atomics>
void circuit_machine<Window, Atomics>::settle_counted(word seen, call& c, graded g) noexcept {
    const std::uint64_t generation = seen.generation();
    counts_.record(config_.window, c, generation, g);
    tally_.recorded(g);
    if (seen.is_metrics_only()) return;
    const judgement j = config_.judge(counts_, c, generation);
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
        case judgement::slow:
            next = opened(c.now(), 0);
            break;
        }
        const word before = seen;
        if (next == seen) return;
        if (replace(seen, next)) {
            if (next.is_open()) note(before, next, cause_of(j), c.now());
            return;
        }
        if (!seen.is_closed() || seen.generation() != generation) return;
    }
}

template <class Window, class Atomics>
template <class Next>
void circuit_machine<Window, Atomics>::by_hand(call& c, Next next_in) noexcept {
    counts_.start_over(counts_.so_far(config_.window, c));
    if constexpr (!Window::by_rate) counts_.forget();
    const word next = next_in(next_generation());
    word seen{word_.load(std::memory_order_relaxed)};
    while (!replace(seen, next)) {
    }
    // What was recorded meanwhile is of the generation that has ended, unless the next one has ended too.
    const auto so_far = counts_.so_far(config_.window, c);
    const word now{word_.load(std::memory_order_relaxed)};
    if (!now.is_open() && now.generation() == next.generation()) counts_.start_over(so_far);
    note(seen, next, transition_cause::by_hand, c.now());
}

template <class Window, class Atomics>
circuit_stats circuit_machine<Window, Atomics>::stats(time_point now) const noexcept {
    const word seen{word_.load(std::memory_order_acquire)};
    const std::uint64_t generation = seen.is_open() ? any_generation : seen.generation();
    circuit_stats s{.state = seen.state()};
    s.window = seen.is_half_open() ? probes_in(seen) : counts_.counted(config_.window, now, generation);
    if (s.window.calls > 0) {
        s.failure_rate = static_cast<double>(s.window.failed) / static_cast<double>(s.window.calls);
        s.slow_rate = static_cast<double>(s.window.slow) / static_cast<double>(s.window.calls);
    }
    if constexpr (Window::counts_overdue) {
        if (!seen.is_open()) s.overdue = in_flight_.overdue(config_.slow_call.longer_than, generation, now);
    }
    tally_.fill(s, counts_);
    return s;
}

} // namespace keel::detail
