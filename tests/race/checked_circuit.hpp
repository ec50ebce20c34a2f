#pragma once
// SPDX-License-Identifier: BSL-1.0

// keel's circuit under a checker, and what the scenarios on it have in common.

#include "checked_atomics.hpp"

#include <keel/call.hpp>
#include <keel/circuit.hpp>
#include <keel/window/consecutive_failures.hpp>
#include <keel/window/sliding_time_window.hpp>
#include <keel/window/sliding_window.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace race {

template <unsigned GenerationBits>
struct basic_checked_atomics {
    static constexpr unsigned generation_bits = GenerationBits;
    template <class T>
    using atomic = race::atomic<T>;
    static constexpr std::uint32_t no_slot = 0xffff'ffff;
    static void fence(order o, where w = where::current()) { race::fence(o, w); }
    static std::uint32_t slot() noexcept { return thread_slot(); }
    static std::uint32_t claim_slot() noexcept { return thread_slot(); }
};
using checked_atomics = basic_checked_atomics<keel::std_atomics::generation_bits>;

struct virtual_clock {
    keel::time_point now() const noexcept { return keel::time_point(std::chrono::nanoseconds(race::now())); }
    void sleep_until(keel::time_point) const {}
};

template <class Window, class Atomics = checked_atomics>
using checked_circuit = keel::circuit<Window, virtual_clock, Atomics>;

constexpr std::int64_t open_for = 10, max_wait = 100;

template <class Window>
constexpr keel::breaker_config<Window> config_of(const Window& w, int half_open_calls) {
    keel::breaker_config<Window> c;
    c.window = w;
    c.open_for = std::chrono::nanoseconds(open_for);
    c.half_open_calls = half_open_calls;
    c.half_open_max_wait = std::chrono::nanoseconds(max_wait);
    c.growth.jitter = 0;
    return c;
}

template <class Window>
constexpr auto rated(const Window& w, int minimum, double rate, int probes = 1) {
    auto c = config_of(w, probes);
    c.minimum_calls = minimum;
    c.failure_rate = rate;
    return c;
}

/// What callers did to the circuit, by their own account.
struct account {
    std::uint64_t admitted = 0, refused = 0, successes = 0, failures = 0, drops = 0;
    std::uint64_t probes[16]{}; ///< granted and not dropped, by generation
    std::uint64_t other[8]{};   ///< the scenario's own
};

/// A circuit, callers that each hold at most one permit, and their account.
template <class Window, int Threads, bool Leases = false, class Atomics = checked_atomics>
struct world {
    static constexpr int threads = Threads;
    using circuit_type = checked_circuit<Window, Atomics>;
    using config_type = keel::breaker_config<Window>;

    explicit world(const config_type& config)
      : it(config) {
        advance(1000 - now());
    }

    bool acquire(int caller) {
        auto& mine = held[caller];
        mine.emplace(it.try_acquire());
        const bool granted{*mine};
        if (granted) {
            ++ghost.admitted;
            if (granted_in(caller).is_half_open()) {
                const std::uint64_t out = ++ghost.probes[granted_in(caller).generation() % 16];
                require(Leases || out <= static_cast<std::uint64_t>(it.config().half_open_calls),
                        "more probes in a generation than half_open_calls");
            }
        } else {
            ++ghost.refused;
            mine.reset();
        }
        boundary(granted, granted ? granted_in(caller).bits : 0);
        return granted;
    }
    void success(int caller) {
        ++ghost.successes;
        held[caller]->success();
        ended(caller);
    }
    void failure(int caller) {
        ++ghost.failures;
        held[caller]->failure();
        ended(caller);
    }
    /// A call that succeeds, as pipelines make it: on the express lane where that is open, and without acquiring
    /// anything before it settles. The generation that it was admitted in, if it was in a closed circuit.
    std::optional<std::uint64_t> express(keel::ending e = keel::ending::succeeded) {
        keel::call c{keel::clock_ref(clock)};
        keel::circuit_permit p;
        it.try_admit(p, c, it.config());
        if (!p.granted_in.is_closed()) return {};
        const bool failed = e == keel::ending::failed;
        ++(failed ? ghost.failures : ghost.successes);
        if (failed || !p.granted_in.is_steady() || !it.try_success(p, c, it.config())) it.settle(p, c, e);
        boundary(3, 0);
        return p.granted_in.generation();
    }
    void drop(int caller) {
        ++ghost.drops;
        if (granted_in(caller).is_half_open()) --ghost.probes[granted_in(caller).generation() % 16];
        held[caller].reset();
        ended(caller);
    }
    keel::detail::circuit_word granted_in(int caller) const {
        static_assert(sizeof(typename circuit_type::acquired) == 32);
        std::uint64_t words[4]; // the circuit's address, the word that granted, when the call began, retry_after
        std::memcpy(words, &*held[caller], sizeof words);
        return {words[1]};
    }

    void trip() {
        while (it.state() == keel::circuit_state::closed) {
            acquire(0);
            failure(0);
        }
    }
    void trip_and_wait() {
        trip();
        advance(open_for);
    }

    /// Every call that has ended is counted once.
    void require_totals() const {
        const keel::circuit_totals t = it.stats().totals;
        const std::uint64_t ended = ghost.successes + ghost.failures + ghost.drops;
        require(t.calls == ended, "calls that ended are not those counted");
        require(t.calls == t.successes + t.failures + t.ignored + t.late, "the totals do not add up");
        require(t.rejected == ghost.refused, "refusals are not those counted");
        require(t.successes <= ghost.successes && t.failures <= ghost.failures && t.ignored <= ghost.drops,
                "a result is counted twice");
    }
    /// Once everything has ended the circuit finds its way back: refusal ends, and successes close it.
    void require_recovery() {
        advance(max_wait + open_for);
        for (int i = 0; i < 2 * keel::detail::circuit_word::most_probes && it.state() != keel::circuit_state::closed;
             ++i) {
            require(acquire(0), "stuck: no call is admitted after every period is over");
            if (held[0]) success(0);
        }
        require(it.state() == keel::circuit_state::closed, "stuck: successes do not close it");
    }
    /// The circuit opened at the time that the log says, and for open_for to the tick.
    void require_exact_opening() {
        require(it.state() == keel::circuit_state::open, "it is not open");
        std::int64_t opened = 0; // transitions made at once can stand in the log in either order
        for (const keel::circuit_transition& t : it.log())
            if (t.to == keel::circuit_state::open)
                opened = std::max(opened, std::int64_t{t.at.time_since_epoch().count()});
        require(it.stats().since.time_since_epoch().count() == opened, "since is not the time of the last transition");
        if (now() >= opened + open_for) return;
        advance(opened + open_for - 1 - now());
        auto early = it.try_acquire();
        require(!early && early.retry_after().count() == 1, "a call is admitted before the open period is over");
        advance(1);
        require(bool(it.try_acquire()), "no call is admitted when the open period is over");
    }
    int transitions(keel::circuit_state from, keel::circuit_state to) const {
        int n = 0;
        for (const keel::circuit_transition& t : it.log())
            n += t.from == from && t.to == to ? 1 : 0;
        return n;
    }

    account ghost;
    virtual_clock clock;
    circuit_type it;
    std::optional<typename circuit_type::acquired> held[std::size_t{Threads} + 2];

  private:
    void ended(int caller) {
        held[caller].reset();
        boundary(2, 0);
    }
};

} // namespace race
