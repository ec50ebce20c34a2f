#pragma once
// SPDX-License-Identifier: BSL-1.0

// keel's rate limiters under a checker, with any atomics, and what must hold of them.

#include "checked_atomics.hpp"

#include <keel/duration.hpp>
#include <keel/rate/fixed_window.hpp>
#include <keel/rate/gcra.hpp>

#include <cstdint>

namespace race {

struct rate_atomics {
    template <class T>
    using atomic = race::atomic<T>;
};

/// One permit every 10 ns, or in each period of 10 ns; `Burst` of them at once where there is such a thing.
template <class Limit, int Burst>
constexpr Limit every_ten(std::int64_t max_wait) {
    if constexpr (requires(Limit l) { l.burst; })
        return {.rate = 1, .per = keel::nanos(10), .burst = Burst, .max_wait = keel::nanos(max_wait)};
    else
        return {.limit = Burst, .period = keel::nanos(10), .max_wait = keel::nanos(max_wait)};
}

template <class Limit, int Threads, int Burst, std::int64_t MaxWait, class Atomics>
struct rate_world {
    static constexpr int threads = Threads;
    static constexpr typename Limit::pace pace{every_ten<Limit, Burst>(MaxWait)};
    struct seen {
        std::uint64_t granted[4]{}; // how many permits to each thread
        std::uint64_t waits[4]{};   // what its last call was told
        std::uint64_t returned = 0;
    } ghost;
    typename Limit::template permits<Atomics> permits{time()};

    static keel::time_point time() { return keel::time_point(keel::nanos(race::now())); }

    bool take(int i, std::int64_t cost = 1) {
        const bool taken = permits.try_take(pace, time(), cost);
        if (taken) ghost.granted[i] += static_cast<std::uint64_t>(cost);
        return taken;
    }
    keel::rate_reservation reserve(int i) {
        const keel::rate_reservation r = permits.reserve(pace, time(), 1, keel::nanos(MaxWait));
        if (r) ++ghost.granted[i];
        ghost.waits[i] = static_cast<std::uint64_t>(r.wait.count);
        return r;
    }
    std::int64_t granted() const {
        std::uint64_t all = 0;
        for (const std::uint64_t each : ghost.granted)
            all += each;
        return static_cast<std::int64_t>(all);
    }
};

/// Three ask at once for two permits, and who gets none learns exactly when to come: on either path.
template <class Limit, class Atomics, bool Express>
struct two_of_three : rate_world<Limit, 3, 2, 0, Atomics> {
    void run(int i) {
        if (!Express)
            static_cast<void>(this->reserve(i));
        else if (!this->take(i))
            this->ghost.waits[i] =
                static_cast<std::uint64_t>(this->permits.wait_for(this->pace, this->time(), 1).count);
    }
    void check() {
        require(this->granted() == 2, "not two of three are let through");
        require(this->permits.available(this->pace, this->time()) == 0, "a permit is lost, or taken twice");
        for (int i = 0; i < 3; ++i)
            require(this->ghost.waits[i] == (this->ghost.granted[i] != 0 ? 0 : 10), "the loser is told another time");
    }
};

/// The next permit comes while two ask for it.
template <class Limit, class Atomics>
struct one_comes_meanwhile : rate_world<Limit, 2, 1, 0, Atomics> {
    one_comes_meanwhile() { this->permits.try_take(this->pace, this->time(), 1); }
    void run(int i) {
        this->take(i);
        if (i == 0) advance(10);
        this->take(i);
    }
    void check() {
        const std::int64_t left = this->permits.available(this->pace, this->time());
        require(this->granted() + left == 1, "a permit is lost, or taken twice");
        require(this->ghost.granted[0] <= 1 && left >= 0, "a permit is taken before it comes");
    }
};

/// A period ends while three calls are made, of which each of two periods has room for two: none is refused, though it
/// read the clock before the end and is late.
template <class Atomics>
struct late_at_the_edge : rate_world<keel::fixed_window, 2, 2, 0, Atomics> {
    void run(int i) {
        this->take(i);
        if (i == 0) advance(10);
        if (i == 0) this->take(i);
    }
    void check() { require(this->granted() == 3, "a call is refused though its period has permits left"); }
};

/// Calls that wait are promised different permits.
template <class Limit, class Atomics>
struct each_waits_for_its_own : rate_world<Limit, 3, 1, 20, Atomics> {
    void run(int i) { static_cast<void>(this->reserve(i)); }
    void check() {
        std::uint64_t turns = 0;
        for (const std::uint64_t wait : this->ghost.waits)
            turns |= std::uint64_t{1} << wait / 10;
        require(this->granted() == 3 && turns == 7, "two wait for one permit");
        require(this->permits.available(this->pace, this->time()) == -2, "a permit is lost, or taken twice");
    }
};

/// One gives back what the other may have queued behind: what is left is as if it had never come, or lost.
template <class Limit, class Atomics>
struct one_gives_back : rate_world<Limit, 2, 1, 100, Atomics> {
    one_gives_back() { this->permits.try_take(this->pace, this->time(), 1); }
    void run(int i) {
        const keel::rate_reservation r = this->reserve(i);
        if (i == 0) this->ghost.returned = this->permits.give_back(r);
        if (i == 1) static_cast<void>(this->reserve(i));
    }
    void check() {
        const std::int64_t left = this->permits.available(this->pace, this->time());
        require(left == (this->ghost.returned != 0 ? -2 : -3), "a permit is promised twice");
        require(this->ghost.waits[1] == static_cast<std::uint64_t>(-10 * left), "the last does not wait for the last");
    }
};

} // namespace race
