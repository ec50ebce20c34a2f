#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../circuit_stats.hpp"
#include "../duration.hpp"
#include "../sync/atomics.hpp"
#include "../sync/sharded_count.hpp"
#include "../window/judgement.hpp"
#include "circuit_word.hpp"
#include "lesser.hpp"
#include "macros.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace keel::detail {

/// What a circuit counts beside its window, for statistics alone. Nothing of it is touched by a healthy call.
template <std::size_t Shards, class Atomics>
class circuit_tally {
  public:
    void made_at(time_point now) noexcept { since_.store(ticks(now), std::memory_order_relaxed); }

    /// A result that the window has recorded.
    void recorded(graded g) noexcept {
        if (g.failed) count(failures_);
        if (g.slow) count(slow_);
    }
    void probe(graded g) noexcept {
        count(probes_);
        recorded(g);
    }
    void ignored() noexcept { count(ignored_); }
    void late() noexcept { count(late_); }
    void rejected() noexcept { rejected_.count(); }
    /// Only if this thread can count one without a read-modify-write.
    KEEL_ALWAYS_INLINE bool try_rejected() noexcept { return rejected_.try_count(); }

    void changed(const circuit_transition& t) noexcept {
        raise_to(since_, ticks(t.at), std::memory_order_relaxed);
        raise_to(rejected_before_, rejected_.sum(), std::memory_order_relaxed);
        if (t.to == circuit_state::open || t.to == circuit_state::forced_open) count(opens_);
        log_.note(t);
    }

    circuit_log log() const noexcept { return log_.read(); }

    /// Totals count from zero. `counts` is the window, which knows how many results it has recorded.
    template <class Counts>
    void reset(const Counts& counts) noexcept {
        const circuit_totals all = ever(counts);
        for (std::size_t i = 0; i < figures; ++i)
            reset_at_[i].store(all.*figure[i], std::memory_order_relaxed);
    }

    template <class Counts>
    void fill(circuit_stats& s, const Counts& counts) const noexcept {
        s.since = time_point(std::chrono::nanoseconds(since_.load(std::memory_order_relaxed)));
        s.totals = ever(counts);
        s.rejected = less(s.totals.rejected, rejected_before_.load(std::memory_order_relaxed));
        for (std::size_t i = 0; i < figures; ++i)
            s.totals.*figure[i] = less(s.totals.*figure[i], reset_at_[i].load(std::memory_order_relaxed));
        // Not their own difference: a failure that was being recorded during a reset was a call before, and fails
        // after.
        s.totals.calls = s.totals.successes + s.totals.failures + s.totals.ignored + s.totals.late;
    }

  private:
    using counter = typename Atomics::template atomic<std::uint64_t>;

    static constexpr std::uint64_t circuit_totals::* figure[] = {
        &circuit_totals::successes, &circuit_totals::failures, &circuit_totals::ignored, &circuit_totals::slow,
        &circuit_totals::late,      &circuit_totals::rejected, &circuit_totals::opens};
    static constexpr std::size_t figures = std::size(figure);

    static std::int64_t ticks(time_point t) noexcept { return t.time_since_epoch().count(); }
    static std::uint64_t less(std::uint64_t total, std::uint64_t before) noexcept {
        return total - lesser(before, total);
    }
    // Release: who reads a failure here also sees the call that it was, which is recorded before.
    static void count(counter& one) noexcept { one.fetch_add(1, std::memory_order_release); }

    template <class Counts>
    circuit_totals ever(const Counts& counts) const noexcept {
        constexpr auto order = std::memory_order_relaxed;
        circuit_totals t{.failures = failures_.load(std::memory_order_acquire),
                         .ignored = ignored_.load(order),
                         .slow = slow_.load(order),
                         .late = late_.load(order),
                         .rejected = rejected_.sum(),
                         .opens = opens_.load(order)};
        // Read after the failures, which are among them.
        t.successes = less(counts.total() + probes_.load(order), t.failures);
        return t;
    }

    sharded_count<Shards, Atomics> rejected_;
    counter failures_{0}, probes_{0}, slow_{0}, ignored_{0}, late_{0}, opens_{0};
    typename Atomics::template atomic<std::int64_t> since_{time_point::min().time_since_epoch().count()};
    counter rejected_before_{0}; // the last transition
    counter reset_at_[figures]{};
    transition_log<Atomics> log_;
};

} // namespace keel::detail
