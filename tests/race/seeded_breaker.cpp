// SPDX-License-Identifier: BSL-1.0

// A small copy of keel's circuit, and what can be wrong with one.

#include "seeded.hpp"

#include <cstdint>

namespace race {
namespace {

using std::int64_t;
using std::uint64_t;

enum class bug {
    none,
    two_probes_by_store,    // the permit is taken by a load and a store
    one_probe_too_many,     // off by one in the limit
    two_take_over,          // a lease is taken over without changing the word
    fresh_probe_given_up,   // a permit that goes back and is granted anew makes the word what it was
    others_permit_returned, // a probe that was given up returns the permit of the one in its place
    lost_trip,              // failures are counted by a load and a store
    counted_once_a_try,     // a result is counted again each time that the word has changed meanwhile
    time_after_trip,        // the time of opening is published after the state
    time_before_relaxed,    // ... before it, but relaxed
    loser_overwrites_time,  // ... by whoever tries to trip it
    a_tick_early,           // off by one in the open period
    old_result_reopens,     // results are not asked for their generation
    one_bit_generation,     // two generations on, it is the same again
    no_lease,               // a probe that never comes back is waited for
    lease_after_grant,      // the lease is renewed once the permit is taken
    drop_keeps_permit,
};

constexpr int64_t open_for = 10, max_wait = 100;

// A breaker in one word: two failures trip it, one probe closes it.
template <bug B>
class toy {
  public:
    enum mode : uint64_t { closed, open, half_open };
    struct state {
        uint64_t at = closed, failures = 0, granted = 0, lease = 0, generation = 0, returned = 0, until = 0;
        static state of(uint64_t w) noexcept {
            return {w & 3, w >> 2 & 15, w >> 6 & 3, w >> 8 & 15, w >> 12 & 255, w >> 20 & 1, w >> 21};
        }
        uint64_t word() const noexcept {
            return at | failures << 2 | granted << 6 | lease << 8 | generation << 12 | returned << 20 | until << 21;
        }
        state next(mode m) const noexcept {
            return {.at = m, .generation = (generation + 1) & (B == bug::one_bit_generation ? 1 : 255)};
        }
    };
    struct permit {
        uint64_t granted = 0, generation = 0, probe = 0, lease = 0;
    };

    permit acquire() {
        uint64_t seen = word_.load(order::acquire);
        for (;;) {
            const state s = state::of(seen);
            state next = s;
            if (s.at == closed) return {1, s.generation};
            if (s.at == open) {
                const auto until = static_cast<int64_t>(is_time_apart ? until_.load(order::relaxed) : s.until);
                if (race::now() < until - (B == bug::a_tick_early)) return {};
                next = s.next(half_open);
                next.granted = 1;
            } else if (s.granted < 1 + (B == bug::one_probe_too_many)) {
                ++next.granted;
            } else if (B == bug::no_lease || race::now() < lease_.load(order::relaxed) + max_wait) {
                return {};
            } else if (B != bug::two_take_over) {
                next.lease = (s.lease + 1) & 15;
            }
            if (B != bug::lease_after_grant) lease_.store(race::now(), order::relaxed);
            if (B == bug::two_probes_by_store)
                word_.store(next.word(), order::release);
            else if (!word_.compare_exchange_strong(seen, next.word(), order::acq_rel, order::acquire))
                continue;
            if (B == bug::lease_after_grant) lease_.store(race::now(), order::relaxed);
            return {1, next.generation, 1, next.lease};
        }
    }
    void settle(const permit& p, bool success) {
        uint64_t seen = word_.load(order::acquire);
        if (B != bug::counted_once_a_try) counted_.fetch_add(1, order::relaxed);
        for (;;) {
            const state s = state::of(seen);
            if (B == bug::counted_once_a_try) counted_.fetch_add(1, order::relaxed);
            if (s.at == open || (s.generation != p.generation && B != bug::old_result_reopens)) return;
            state next = s;
            next.failures = success ? 0 : s.failures + 1;
            if (s.at == half_open && success) next = s.next(closed);
            const bool trips = !success && (s.at == half_open || next.failures == 2);
            const auto until = static_cast<uint64_t>(race::now() + open_for);
            if (trips) {
                next = s.next(open);
                next.generation = s.generation;
                if (!is_time_apart)
                    next.until = until;
                else if (B != bug::time_after_trip)
                    until_.store(until, order::relaxed);
            }
            if (B == bug::lost_trip)
                word_.store(next.word(), order::release);
            else if (!word_.compare_exchange_strong(seen, next.word(),
                                                    B == bug::time_before_relaxed ? order::relaxed : order::acq_rel,
                                                    order::acquire))
                continue;
            if (trips && B == bug::time_after_trip) until_.store(until, order::release);
            return;
        }
    }
    void drop(const permit& p) {
        uint64_t seen = word_.load(order::relaxed);
        for (;;) {
            state s = state::of(seen);
            if (B == bug::drop_keeps_permit || s.at != half_open || s.generation != p.generation || s.granted == 0)
                return;
            if (s.lease != p.lease && B != bug::others_permit_returned) return;
            --s.granted;
            if (B != bug::fresh_probe_given_up) s.returned ^= 1;
            if (word_.compare_exchange_strong(seen, s.word(), order::acq_rel, order::acquire)) return;
        }
    }
    uint64_t at() const { return state::of(word_.load(order::relaxed)).at; }
    uint64_t counted() const { return counted_.load(order::relaxed); }

  private:
    static constexpr bool is_time_apart =
        B == bug::time_after_trip || B == bug::time_before_relaxed || B == bug::loser_overwrites_time;
    atomic<uint64_t> word_{0}, until_{0}, counted_{0};
    atomic<int64_t> lease_{0};
};

template <bug B>
struct toy_world {
    toy<B> it;
    typename toy<B>::permit held[4]{};
    notes ghost;
    void trip_and_wait() {
        for (int i = 0; i < 2; ++i)
            it.settle(it.acquire(), false);
        race::advance(open_for + max_wait);
    }
};

template <bug B>
struct probes : toy_world<B> {
    static constexpr int threads = 3;
    probes() { this->trip_and_wait(); }
    void run(int i) { this->ghost.n[i] = this->it.acquire().granted; }
    void check() { require(this->ghost.n[0] + this->ghost.n[1] + this->ghost.n[2] == 1, "not one probe"); }
};
template <bug B>
struct drops : toy_world<B> {
    static constexpr int threads = 2;
    drops() { this->trip_and_wait(); }
    void run(int) {
        if (const auto p = this->it.acquire(); p.granted != 0) this->it.drop(p);
    }
    void check() { require(this->it.acquire().granted == 1, "a permit is lost"); }
};
template <bug B>
struct leases : toy_world<B> {
    static constexpr int threads = 2;
    leases() {
        this->trip_and_wait();
        this->it.acquire();
        race::advance(max_wait);
    }
    void run(int i) { this->ghost.n[i] = this->it.acquire().granted; }
    void check() { require(this->ghost.n[0] + this->ghost.n[1] == 1, "a lease is not taken over once"); }
};
// The first probe is overdue, comes back unused, and its thread asks again: one of the two has a permit then.
template <bug B>
struct overdue_probe_returns : toy_world<B> {
    static constexpr int threads = 2;
    overdue_probe_returns() {
        this->trip_and_wait();
        this->held[0] = this->it.acquire();
        race::advance(max_wait);
    }
    void run(int i) {
        if (i == 0) this->it.drop(this->held[0]);
        this->ghost.n[i] = this->it.acquire().granted;
    }
    void check() { require(this->ghost.n[0] + this->ghost.n[1] == 1, "two probes are out whose leases are not over"); }
};
template <bug B>
struct trips : toy_world<B> {
    static constexpr int threads = 3;
    trips() { this->held[0] = this->held[1] = this->it.acquire(); }
    void run(int i) {
        if (i == 2)
            race::advance(1);
        else
            this->it.settle(this->held[i], false);
    }
    void check() {
        require(this->it.at() == toy<B>::open, "a trip is lost");
        require(this->it.counted() == 2, "a result is not counted once");
    }
};
// Nobody is admitted while the open period runs; `Over` ticks before its end.
template <bug B, int64_t Over>
struct opens : toy_world<B> {
    static constexpr int threads = 2;
    opens() {
        this->it.settle(this->it.acquire(), false);
        this->held[0] = this->it.acquire();
    }
    void run(int i) {
        if (i == 0) {
            this->it.settle(this->held[0], false);
            if (Over > 0) race::advance(open_for - Over);
        } else {
            require(this->it.acquire().probe == 0, "a call is admitted while it is open");
        }
    }
    void check() {}
};
// The loser of a race to trip comes later and must not lengthen the period.
template <bug B>
struct opens_for_the_winner : toy_world<B> {
    static constexpr int threads = 2;
    opens_for_the_winner() {
        this->it.settle(this->it.acquire(), false);
        this->held[0] = this->held[1] = this->it.acquire();
    }
    void run(int i) {
        this->it.settle(this->held[i], false);
        if (this->ghost.n[0] == 0) this->ghost.n[0] = static_cast<uint64_t>(race::now()) + 1;
        race::advance(5);
    }
    void check() {
        race::advance(static_cast<int64_t>(this->ghost.n[0]) - 1 + open_for - race::now());
        require(this->it.acquire().granted == 1, "the open period is longer than open_for");
    }
};
template <bug B>
struct late : toy_world<B> {
    static constexpr int threads = 2;
    late() { this->held[0] = this->it.acquire(); }
    void run(int i) {
        if (i == 0) {
            this->it.settle(this->held[0], false);
            this->it.settle(this->held[0], false);
            return;
        }
        this->it.settle(this->held[0], false);
        this->it.settle(this->held[0], false);
        race::advance(open_for);
        if (const auto p = this->it.acquire(); p.probe != 0) this->it.settle(p, true), this->ghost.n[0] = 1;
    }
    void check() { require(this->ghost.n[0] == 0 || this->it.at() == toy<B>::closed, "an old result opens it again"); }
};

template <bug B>
using opens_at_once = opens<B, 0>;
template <bug B>
using opens_to_the_tick = opens<B, 1>;

} // namespace

seeded_list breaker_bugs() {
    return {
        seed<bug::two_probes_by_store, probes>("two_probes_by_store"),
        seed<bug::one_probe_too_many, probes>("one_probe_too_many"),
        seed<bug::two_take_over, leases>("two_take_over"),
        seed<bug::fresh_probe_given_up, overdue_probe_returns>("fresh_probe_given_up"),
        seed<bug::others_permit_returned, overdue_probe_returns>("others_permit_returned"),
        seed<bug::lost_trip, trips>("lost_trip"),
        seed<bug::counted_once_a_try, trips>("counted_once_a_try"),
        seed<bug::time_after_trip, opens_at_once>("time_after_trip"),
        seed<bug::time_before_relaxed, opens_at_once>("time_before_relaxed"),
        seed<bug::loser_overwrites_time, opens_for_the_winner>("loser_overwrites_time"),
        seed<bug::a_tick_early, opens_to_the_tick>("a_tick_early"),
        seed<bug::old_result_reopens, late>("old_result_reopens"),
        seed<bug::one_bit_generation, late>("one_bit_generation"),
        seed<bug::no_lease, leases>("no_lease"),
        seed<bug::lease_after_grant, probes>("lease_after_grant"),
        seed<bug::drop_keeps_permit, drops>("drop_keeps_permit"),
    };
}

} // namespace race
