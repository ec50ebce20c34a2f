#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "circuit_config.hpp"
#include "circuit_stats.hpp"
#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "config.hpp"
#include "detail/circuit_word.hpp"
#include "detail/macros.hpp"
#include "outcome.hpp"
#include "random.hpp"
#include "sync/atomics.hpp"
#include "sync/cache_line.hpp"
#include "sync/sharded_count.hpp"
#include "window/in_flight.hpp"
#include "window/judgement.hpp"
#include "window/sliding_window.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace keel {

/// The right to make one call, and the generation in which it was granted. A result that comes back in another
/// generation is dropped: it neither trips, closes, nor takes or returns a probe.
struct circuit_permit {
    detail::circuit_word granted_in{};
    time_point began = time_point::min(); ///< where slow calls are counted
};

/// The state of one breaker: the object that opens and closes. Part of a pipeline, or on its own and shared by several
/// through `keel::through(circuit)`. Thread-safe; neither copied nor moved; allocates nothing.
///
/// By hand, without a pipeline:
///
///     auto permit = payments.try_acquire();
///     if (!permit) return busy(permit.retry_after());
///     ... permit.success();  or  permit.failure();  or drop it: ignored
template <class Window = sliding_window, class Clock = steady_clock, class Atomics = std_atomics>
class circuit {
  public:
    using config_type = breaker_config<Window>;
    using window_type = Window;
    using clock_type = Clock;

    /// Throws `invalid_config`. The clock tells the time of what is done by hand; pipelines bring their own. May be
    /// `constinit`, with a clock that may.
    constexpr circuit()
      : circuit(config_type{}) {}
    constexpr explicit circuit(const config_type& config, Clock clock = {})
      : clock_(std::move(clock))
      , config_(detail::validated(config)) {
        if !consteval {
            since_.store(clock_.now().time_since_epoch().count(), std::memory_order_relaxed);
        }
    }
    circuit(const circuit&) = delete;
    circuit& operator=(const circuit&) = delete;

    /// An open circuit says open until a call comes and finds that its period is over.
    circuit_state state() const noexcept { return word{word_.load(std::memory_order_relaxed)}.state(); }

    const config_type& config() const noexcept { return config_; }

    /// A snapshot of what is counted. Any time, from any thread; takes about as long as a failed call.
    circuit_stats stats() const noexcept;

    /// The last transitions, at most `circuit_log::capacity`.
    circuit_log log() const noexcept { return log_.read(); }

    /// Each of these is legal in every state, and begins a new generation: results of calls that are under way are
    /// dropped, and re-trips are counted from zero.
    void close() noexcept {
        by_hand([](std::uint64_t g) { return word::warming(g); });
    }
    void force_open() noexcept {
        by_hand([](std::uint64_t g) { return word::forced_open(g); });
    }
    void disable() noexcept {
        by_hand([](std::uint64_t g) { return word::disabled(g); });
    }
    void metrics_only() noexcept {
        by_hand([](std::uint64_t g) { return word::metrics_only(g); });
    }
    void half_open() noexcept {
        by_hand([](std::uint64_t g) { return word::half_open(g, 0); });
    }
    /// As if it had tripped now.
    void open() noexcept {
        by_hand([&](std::uint64_t) { return word::open(clock_.now() + open_period(0), 0); });
    }
    /// As `close()`; the totals count from zero.
    void reset() noexcept {
        close();
        const circuit_totals all = totals_ever();
        for (std::size_t i = 0; i < figures; ++i)
            reset_at_[i].store(all.*figure[i], std::memory_order_relaxed);
    }

    /// Asks for one call, by hand.
    class acquired;
    [[nodiscard]] acquired try_acquire() noexcept { return acquired(*this); }

    using permit = circuit_permit;

    /// For policies: what `fast_admit`, `fast_refuse`, `admit`, `fast_settle` and `settle` of a breaker do.
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
        if (left == nanos(0) || !rejected_.try_count()) return proceed;
        return refuse(errc::circuit_open, left);
    }
    KEEL_COLD admission admit(permit& p, call& c) noexcept;
    KEEL_COLD void settle(const permit& p, call& c, ending e) noexcept;

  private:
    using word = detail::circuit_word;
    using counter = typename Atomics::template atomic<std::uint64_t>;

    static constexpr std::uint64_t circuit_totals::* figure[] = {
        &circuit_totals::calls, &circuit_totals::successes, &circuit_totals::failures, &circuit_totals::ignored,
        &circuit_totals::slow,  &circuit_totals::late,      &circuit_totals::rejected, &circuit_totals::opens};
    static constexpr std::size_t figures = std::size(figure);

    bool replace(word& seen, word next) noexcept {
        // Release: who reads the new word sees the lease and the start of the window that were written before it.
        return word_.compare_exchange_strong(seen.bits, next.bits, std::memory_order_release,
                                             std::memory_order_acquire);
    }
    std::uint64_t next_generation() noexcept { return generations_.fetch_add(1, std::memory_order_relaxed) + 1; }

    template <class Next>
    KEEL_COLD void by_hand(Next next_in) noexcept;
    void note(word from, word to, transition_cause cause, time_point at) noexcept;
    void give_back(const permit& p) noexcept;
    // Whether the circuit is no longer what it was seen to be.
    bool trips_by_overdue(word& seen, call& c) noexcept;
    void settle_probe(word seen, call& c, detail::graded g) noexcept;
    void settle_counted(word seen, call& c, detail::graded g) noexcept;
    nanos open_period(unsigned retrips) const noexcept;
    circuit_totals totals_ever() const noexcept;
    // With a day to spare, for a thread whose clock is behind sees more of a period than there is.
    constexpr nanos longest_open_period() const noexcept {
        const nanos grown = config_.growth.factor > 1 ? config_.growth.cap : config_.open_for;
        constexpr nanos day = std::chrono::hours(24);
        return nanos::from(static_cast<double>(grown.count) * (1 + config_.growth.jitter) +
                           static_cast<double>(day.count));
    }

    static constexpr transition_cause cause_of(judgement j) noexcept {
        return j == judgement::slow ? transition_cause::slow_calls : transition_cause::failures;
    }
    // Release: who reads a failure here also sees the call that it was, which is recorded before.
    static void count(counter& one) noexcept { one.fetch_add(1, std::memory_order_release); }
    static std::int64_t ticks(call& c) noexcept { return c.now().time_since_epoch().count(); }
    // Unsigned, for either time may be unknown, the least there is: no call is then longer than `never`.
    KEEL_ALWAYS_INLINE static nanos took(const permit& p, time_point now) noexcept {
        return nanos(static_cast<std::int64_t>(static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                                               static_cast<std::uint64_t>(p.began.time_since_epoch().count())));
    }
    // Before the grant itself: whoever sees the permits used up must not see the lease of an earlier probe. A thread
    // that loses the grant may still have renewed the lease, to a time when the word was as it saw it.
    void renew_lease(call& c) noexcept { detail::raise_to(lease_began_, ticks(c), std::memory_order_relaxed); }
    nanos lease_left(call& c) const noexcept {
        return nanos(lease_began_.load(std::memory_order_relaxed) + config_.half_open_max_wait.count - ticks(c));
    }

    // First, where the healthy path reaches its shard without adding an offset.
    typename Window::template counts<Atomics> counts_;
    // A line that every call reads: what failures write begins on another one.
    alignas(cache_line) typename Atomics::template atomic<std::uint64_t> word_{word::warming(0).bits};
    counter generations_{0};
    typename Atomics::template atomic<std::int64_t> lease_began_{0};
    typename Atomics::template atomic<std::int64_t> since_{time_point::min().time_since_epoch().count()};
    // Takes its byte: two empty clocks can't share an address, and the pipeline's own has the first one.
    Clock clock_;
    config_type config_;
    nanos longest_open_ = longest_open_period();

    sharded_count<Window::shards, Atomics> rejected_;
    counter rejected_before_{0}; // the last transition
    counter probes_{0}, failures_{0}, slow_{0}, ignored_{0}, late_{0}, opens_{0};
    counter reset_at_[figures]{};
    detail::transition_log<Atomics> log_;
    using in_flight = std::conditional_t<Window::counts_overdue, detail::in_flight_calls<Window::shards, Atomics>,
                                         detail::no_in_flight_calls>;
    [[no_unique_address]] in_flight in_flight_;
};

/// A call that was asked for by hand, granted or refused. Ends by `success()`, by `failure()`, or ignored when it is
/// destroyed. Moves; belongs to one thread at a time; must not outlive the circuit.
template <class Window, class Clock, class Atomics>
class [[nodiscard]] circuit<Window, Clock, Atomics>::acquired {
  public:
    acquired(acquired&& other) noexcept
      : circuit_(std::exchange(other.circuit_, nullptr))
      , permit_(other.permit_)
      , retry_after_(other.retry_after_) {}
    acquired& operator=(acquired&&) = delete;
    ~acquired() { end(ending::ignored); }

    /// Whether the call may be made.
    explicit operator bool() const noexcept { return circuit_ != nullptr; }
    /// Where it may not: how long until a call may be granted again. 0 where nobody knows.
    std::chrono::nanoseconds retry_after() const noexcept { return retry_after_; }

    /// The call has ended. Only the first of these counts.
    void success() noexcept { end(ending::succeeded); }
    void failure() noexcept { end(ending::failed); }

  private:
    friend circuit;
    explicit acquired(circuit& from) noexcept {
        call c{clock_ref(from.clock_)};
        const admission a = from.admit(permit_, c);
        if (a.granted())
            circuit_ = &from;
        else
            retry_after_ = a.retry_after;
    }
    void end(ending e) noexcept {
        if (circuit_ == nullptr) return;
        call c{clock_ref(circuit_->clock_)};
        std::exchange(circuit_, nullptr)->settle(permit_, c, e);
    }

    circuit* circuit_ = nullptr;
    circuit_permit permit_;
    nanos retry_after_{};
};

template <class Window, class Clock, class Atomics>
admission circuit<Window, Clock, Atomics>::admit(permit& p, call& c) noexcept {
    const auto turn_away = [&](nanos left) {
        rejected_.count();
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
        } else if (const nanos left = lease_left(c); left > nanos(0)) {
            return turn_away(left);
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

template <class Window, class Clock, class Atomics>
bool circuit<Window, Clock, Atomics>::trips_by_overdue(word& seen, call& c) noexcept {
    const nanos limit = config_.slow_call.longer_than;
    const std::uint64_t generation = seen.generation();
    if (!seen.is_closed() || !in_flight_.is_to_be_judged(limit, generation, c.now())) return false;
    const std::uint64_t overdue = in_flight_.overdue(limit, generation, c.now());
    if (overdue == 0) return false;
    const judgement j = config_.judge_overdue(counts_, c, generation, overdue);
    if (j != judgement::slow && j != judgement::failing) return false;
    const word before = seen;
    const word next = word::open(c.now() + open_period(0), 0);
    if (replace(seen, next)) {
        note(before, next, cause_of(j), c.now());
        seen = next;
    }
    return true;
}

template <class Window, class Clock, class Atomics>
void circuit<Window, Clock, Atomics>::settle(const permit& p, call& c, ending e) noexcept {
    const word seen{word_.load(std::memory_order_acquire)};
    if (seen.is_open() || seen.generation() != p.granted_in.generation()) return count(late_);
    if (seen.is_disabled()) return;
    if constexpr (Window::counts_overdue) {
        if (!seen.is_half_open()) in_flight_.end(config_.slow_call.longer_than, seen.generation(), p.began, c.now());
    }
    if (e == ending::ignored) {
        count(ignored_);
        return give_back(p);
    }
    const detail::graded g{e == ending::failed,
                           config_.slow_call.counts() && took(p, c.now()) > config_.slow_call.longer_than};
    if (seen.is_half_open())
        settle_probe(seen, c, g);
    else
        settle_counted(seen, c, g);
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
void circuit<Window, Clock, Atomics>::settle_probe(word seen, call& c, detail::graded g) noexcept {
    const std::uint64_t generation = seen.generation();
    for (;;) {
        word next = seen.with_result(g.failed, g.slow);
        const judgement j = config_.judge_probes(detail::probes_in(next));
        switch (j) {
        case judgement::too_few:
            break;
        case judgement::slow:
        case judgement::failing:
            next = word::open(c.now() + open_period(seen.retrips() + 1), seen.retrips() + 1);
            break;
        case judgement::healthy:
            counts_.start_over(config_.window, c);
            next = word::warming(next_generation());
            break;
        }
        const word before = seen;
        if (replace(seen, next)) {
            count(probes_);
            if (g.failed) count(failures_);
            if (g.slow) count(slow_);
            if (!next.is_half_open())
                note(before, next, next.is_open() ? cause_of(j) : transition_cause::probes_succeeded, c.now());
            return;
        }
        if (!seen.is_half_open() || seen.generation() != generation) return count(late_);
    }
}

template <class Window, class Clock, class Atomics>
void circuit<Window, Clock, Atomics>::settle_counted(word seen, call& c, detail::graded g) noexcept {
    const std::uint64_t generation = seen.generation();
    counts_.record(config_.window, c, generation, g);
    if (g.failed) count(failures_);
    if (g.slow) count(slow_);
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
            next = word::open(c.now() + open_period(0), 0);
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

template <class Window, class Clock, class Atomics>
template <class Next>
void circuit<Window, Clock, Atomics>::by_hand(Next next_in) noexcept {
    call c{clock_ref(clock_)};
    counts_.start_over(config_.window, c);
    if constexpr (!Window::by_rate) counts_.forget();
    const word next = next_in(next_generation());
    word seen{word_.load(std::memory_order_relaxed)};
    while (!replace(seen, next)) {
    }
    note(seen, next, transition_cause::by_hand, c.now());
}

template <class Window, class Clock, class Atomics>
void circuit<Window, Clock, Atomics>::note(word from, word to, transition_cause cause, time_point at) noexcept {
    detail::raise_to(since_, at.time_since_epoch().count(), std::memory_order_relaxed);
    detail::raise_to(rejected_before_, rejected_.sum(), std::memory_order_relaxed);
    if (to.state() == circuit_state::open || to.state() == circuit_state::forced_open) count(opens_);
    log_.note({at, from.state(), to.state(), cause});
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

template <class Window, class Clock, class Atomics>
circuit_totals circuit<Window, Clock, Atomics>::totals_ever() const noexcept {
    constexpr auto order = std::memory_order_relaxed;
    circuit_totals t{.failures = failures_.load(std::memory_order_acquire),
                     .ignored = ignored_.load(order),
                     .slow = slow_.load(order),
                     .late = late_.load(order),
                     .rejected = rejected_.sum(),
                     .opens = opens_.load(order)};
    // Read after the failures, which are among them.
    const std::uint64_t recorded = counts_.total() + probes_.load(order);
    t.successes = recorded - detail::lesser(t.failures, recorded);
    t.calls = recorded + t.ignored + t.late;
    return t;
}

template <class Window, class Clock, class Atomics>
circuit_stats circuit<Window, Clock, Atomics>::stats() const noexcept {
    const word seen{word_.load(std::memory_order_acquire)};
    const std::uint64_t generation = seen.is_open() ? detail::any_generation : seen.generation();
    circuit_stats s{.state = seen.state(),
                    .since = time_point(std::chrono::nanoseconds(since_.load(std::memory_order_relaxed)))};
    s.window =
        seen.is_half_open() ? detail::probes_in(seen) : counts_.counted(config_.window, clock_.now(), generation);
    if (s.window.calls > 0) {
        s.failure_rate = static_cast<double>(s.window.failed) / static_cast<double>(s.window.calls);
        s.slow_rate = static_cast<double>(s.window.slow) / static_cast<double>(s.window.calls);
    }
    if constexpr (Window::counts_overdue) {
        if (generation != detail::any_generation)
            s.overdue = in_flight_.overdue(config_.slow_call.longer_than, generation, clock_.now());
    }
    s.totals = totals_ever();
    s.rejected =
        s.totals.rejected - detail::lesser(rejected_before_.load(std::memory_order_relaxed), s.totals.rejected);
    for (std::size_t i = 0; i < figures; ++i)
        s.totals.*figure[i] -= detail::lesser(reset_at_[i].load(std::memory_order_relaxed), s.totals.*figure[i]);
    // Not their own difference: a failure that was being recorded during a reset was a call before, and fails after.
    s.totals.calls = s.totals.successes + s.totals.failures + s.totals.ignored + s.totals.late;
    return s;
}

} // namespace keel
