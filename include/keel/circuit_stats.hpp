#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "detail/circuit_word.hpp"
#include "duration.hpp"
#include "window/judgement.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace keel {

/// Why a circuit changed its state.
enum class transition_cause : std::uint8_t { failures, slow_calls, open_period_over, probes_succeeded, by_hand };

/// The name of the enumerator. Never null.
constexpr const char* name(transition_cause c) noexcept {
    switch (c) {
    case transition_cause::failures:
        return "failures";
    case transition_cause::slow_calls:
        return "slow_calls";
    case transition_cause::open_period_over:
        return "open_period_over";
    case transition_cause::probes_succeeded:
        return "probes_succeeded";
    case transition_cause::by_hand:
        return "by_hand";
    }
    return "unknown";
}

/// One change of a circuit's state. By hand `from` and `to` may be the same.
struct circuit_transition {
    time_point at{};
    circuit_state from{};
    circuit_state to{};
    transition_cause cause{};
};

/// The last transitions of a circuit, oldest first: a range. Two that threads made at the same moment may be in either
/// order, and one that its thread was slow to write may be missing.
struct circuit_log {
    static constexpr std::size_t capacity = 16;

    circuit_transition entries[capacity]{};
    std::size_t size = 0;

    const circuit_transition* begin() const noexcept { return entries; }
    const circuit_transition* end() const noexcept { return entries + size; }
};

/// What a circuit has counted since it was made, or since `reset()`. A call counts when it was admitted and has ended.
/// Not counted are calls in `disabled` and, with `consecutive_failures`, the healthy calls of a pipeline.
struct circuit_totals {
    std::uint64_t calls = 0; ///< successes + failures + ignored + late
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
    std::uint64_t ignored = 0;
    std::uint64_t slow = 0;     ///< of the successes and failures
    std::uint64_t late = 0;     ///< results that were dropped, because the generation of their permit had ended
    std::uint64_t rejected = 0; ///< calls that were not admitted
    std::uint64_t opens = 0;    ///< how often it opened, `force_open()` included
};

/// A snapshot of a circuit. Each figure is true at some moment while `stats()` runs, but not all at the same moment: a
/// result that is being recorded meanwhile may be in one figure and not in another.
struct circuit_stats {
    circuit_state state{};
    time_point since{};         ///< of the last transition, or when the circuit was made; `time_point::min()` if
                                ///< that was before the program began (`constinit`)
    window_counts window{};     ///< what decides: the window, or the probes in half_open. A count window shows at most
                                ///< `sliding_window_options::failures` (256) failures, and as many slow calls
    double failure_rate = 0;    ///< of the window; 0 where it is empty
    double slow_rate = 0;       ///< of the window; 0 where it is empty
    std::uint64_t rejected = 0; ///< since the last transition
    std::uint64_t overdue = 0;  ///< calls of this generation, probes left out, that have been running for longer than
                                ///< the slow limit; 0 where the window does not count them
    circuit_totals totals{};
};

namespace detail {

/// A bounded, lock-free log: writers never wait, readers skip what is being written. A writer that finds its place
/// taken by another one, which is a whole round behind or ahead, gives up its entry.
template <class Atomics>
class transition_log {
  public:
    void note(const circuit_transition& t) noexcept {
        const std::uint64_t turn = noted_.fetch_add(1, std::memory_order_relaxed);
        entry& e = entries_[turn % circuit_log::capacity];
        std::uint64_t seen = e.number.load(std::memory_order_relaxed);
        if (seen == being_written || seen > turn ||
            !e.number.compare_exchange_strong(seen, being_written, std::memory_order_acquire,
                                              std::memory_order_relaxed))
            return;
        // Pairs with the fence in read(): a reader that sees one number before and after its other loads has read what
        // belongs to that number.
        Atomics::fence(std::memory_order_release);
        e.at.store(t.at.time_since_epoch().count(), std::memory_order_relaxed);
        e.what.store(static_cast<std::uint32_t>(t.from) << 16 | static_cast<std::uint32_t>(t.to) << 8 |
                         static_cast<std::uint32_t>(t.cause),
                     std::memory_order_relaxed);
        e.number.store(turn + 1, std::memory_order_release);
    }

    circuit_log read() const noexcept {
        circuit_log log;
        const std::uint64_t noted = noted_.load(std::memory_order_relaxed);
        const std::uint64_t first = noted < circuit_log::capacity ? 0 : noted - circuit_log::capacity;
        for (std::uint64_t turn = first; turn < noted; ++turn) {
            const entry& e = entries_[turn % circuit_log::capacity];
            if (e.number.load(std::memory_order_acquire) != turn + 1) continue;
            const std::int64_t at = e.at.load(std::memory_order_relaxed);
            const std::uint32_t what = e.what.load(std::memory_order_relaxed);
            Atomics::fence(std::memory_order_acquire);
            if (e.number.load(std::memory_order_relaxed) != turn + 1) continue;
            log.entries[log.size++] = {time_point(std::chrono::nanoseconds(at)), static_cast<circuit_state>(what >> 16),
                                       static_cast<circuit_state>(what >> 8 & 0xff),
                                       static_cast<transition_cause>(what & 0xff)};
        }
        return log;
    }

  private:
    static constexpr std::uint64_t being_written = ~std::uint64_t{0};

    struct entry {
        typename Atomics::template atomic<std::uint64_t> number{0}; // turn + 1
        typename Atomics::template atomic<std::int64_t> at{0};
        typename Atomics::template atomic<std::uint32_t> what{0};
    };

    typename Atomics::template atomic<std::uint64_t> noted_{0};
    entry entries_[circuit_log::capacity]{};
};

} // namespace detail
} // namespace keel
