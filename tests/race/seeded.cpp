// SPDX-License-Identifier: BSL-1.0

// Bugs put into small copies of keel's parts, each as its own change of one right design: the explorer must find every
// one, and nothing in the design without them.

#include "explored_atomics.hpp"

#include <cstdint>
#include <cstdio>

namespace {

using race::atomic;
using race::order;
using race::require;
using std::int64_t;
using std::uint64_t;

enum class bug {
    none,
    two_probes_by_store,   // the permit is taken by a load and a store
    one_probe_too_many,    // off by one in the limit
    two_take_over,         // a lease is taken over without changing the word
    lost_trip,             // failures are counted by a load and a store
    counted_once_a_try,    // a result is counted again each time that the word has changed meanwhile
    time_after_trip,       // the time of opening is published after the state
    time_before_relaxed,   // ... before it, but relaxed
    loser_overwrites_time, // ... by whoever tries to trip it
    a_tick_early,          // off by one in the open period
    old_result_reopens,    // results are not asked for their generation
    one_bit_generation,    // two generations on, it is the same again
    no_lease,              // a probe that never comes back is waited for
    lease_after_grant,     // the lease is renewed once the permit is taken
    drop_keeps_permit,
    reset_then_add,    // a bucket is started over by one store and counted in by another
    late_rewinds,      // a thread with an old epoch starts the bucket over
    bucket_edge,       // the bucket that has just left the window counts
    ring_acq_rel,      // failures noted at once miss each other
    ring_edge,         // the position before the window counts
    ring_overtaken,    // a place that was written anew is taken for what it was
    overflow_by_store, // threads without a shard count by a load and a store
    log_without_fence,
    log_number_relaxed,
};

constexpr int64_t open_for = 10, max_wait = 100;

// A breaker in one word: two failures trip it, one probe closes it.
template <bug B>
class toy {
  public:
    enum mode : uint64_t { closed, open, half_open };
    struct state {
        uint64_t at = closed, failures = 0, granted = 0, lease = 0, generation = 0, until = 0;
        static state of(uint64_t w) noexcept {
            return {w & 3, w >> 2 & 15, w >> 6 & 3, w >> 8 & 15, w >> 12 & 255, w >> 20};
        }
        uint64_t word() const noexcept {
            return at | failures << 2 | granted << 6 | lease << 8 | generation << 12 | until << 20;
        }
        state next(mode m) const noexcept {
            return {.at = m, .generation = (generation + 1) & (B == bug::one_bit_generation ? 1 : 255)};
        }
    };
    struct permit {
        uint64_t granted = 0, generation = 0, probe = 0;
    };

    permit acquire() {
        uint64_t seen = word_.load(order::acquire);
        for (;;) {
            const state s = state::of(seen);
            state next = s;
            if (s.at == closed) return {1, s.generation, 0};
            if (s.at == open) {
                const auto until = static_cast<int64_t>(is_time_apart ? until_.load(order::relaxed) : s.until);
                if (race::explorer::the().now() < until - (B == bug::a_tick_early)) return {};
                next = s.next(half_open);
                next.granted = 1;
            } else if (s.granted < 1 + (B == bug::one_probe_too_many)) {
                ++next.granted;
            } else if (B == bug::no_lease || race::explorer::the().now() < lease_.load(order::relaxed) + max_wait) {
                return {};
            } else if (B != bug::two_take_over) {
                next.lease = (s.lease + 1) & 15;
            }
            if (B != bug::lease_after_grant) lease_.store(race::explorer::the().now(), order::relaxed);
            if (B == bug::two_probes_by_store)
                word_.store(next.word(), order::release);
            else if (!word_.compare_exchange_strong(seen, next.word(), order::acq_rel, order::acquire))
                continue;
            if (B == bug::lease_after_grant) lease_.store(race::explorer::the().now(), order::relaxed);
            return {1, next.generation, 1};
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
            const auto until = static_cast<uint64_t>(race::explorer::the().now() + open_for);
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
            --s.granted;
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

struct noted {
    uint64_t n[4]{};
};

template <bug B>
struct toy_world {
    toy<B> it;
    typename toy<B>::permit held[4]{};
    noted ghost;
    void trip_and_wait() {
        for (int i = 0; i < 2; ++i)
            it.settle(it.acquire(), false);
        race::explorer::the().advance(open_for + max_wait);
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
        race::explorer::the().advance(max_wait);
    }
    void run(int i) { this->ghost.n[i] = this->it.acquire().granted; }
    void check() { require(this->ghost.n[0] + this->ghost.n[1] == 1, "a lease is not taken over once"); }
};
template <bug B>
struct trips : toy_world<B> {
    static constexpr int threads = 3;
    trips() { this->held[0] = this->held[1] = this->it.acquire(); }
    void run(int i) {
        if (i == 2)
            race::explorer::the().advance(1);
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
            if (Over > 0) race::explorer::the().advance(open_for - Over);
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
        if (this->ghost.n[0] == 0) this->ghost.n[0] = static_cast<uint64_t>(race::explorer::the().now()) + 1;
        race::explorer::the().advance(5);
    }
    void check() {
        race::explorer::the().advance(static_cast<int64_t>(this->ghost.n[0]) - 1 + open_for -
                                      race::explorer::the().now());
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
        race::explorer::the().advance(open_for);
        if (const auto p = this->it.acquire(); p.probe != 0) this->it.settle(p, true), this->ghost.n[0] = 1;
    }
    void check() { require(this->ghost.n[0] == 0 || this->it.at() == toy<B>::closed, "an old result opens it again"); }
};

// A bucket, `epoch:32 | count:32`.
template <bug B>
struct bucket {
    atomic<uint64_t> word{0};
    static uint64_t of(uint64_t epoch, uint64_t count) { return epoch << 32 | count; }
    void add(uint64_t now) {
        uint64_t seen = word.load(order::relaxed);
        if (B == bug::reset_then_add) {
            if (seen >> 32 < now) word.store(of(now, 0), order::relaxed);
            word.fetch_add(1, order::seq_cst);
            return;
        }
        uint64_t next = 0;
        do {
            if (seen >> 32 > now && B != bug::late_rewinds) return;
            next = seen >> 32 == now ? seen + 1 : of(now, 1);
        } while (!word.compare_exchange_weak(seen, next, order::seq_cst, order::relaxed));
    }
    uint64_t held(uint64_t now, uint64_t buckets) const {
        const uint64_t w = word.load(order::seq_cst);
        const uint64_t age = now - (w >> 32);
        return age < buckets + (B == bug::bucket_edge) ? w & 0xffff'ffff : 0;
    }
};
template <bug B>
struct bucket_starts_over {
    static constexpr int threads = 2;
    bucket<B> it;
    noted ghost;
    bucket_starts_over() { it.add(5); }
    void run(int) { it.add(7); }
    void check() { require(it.held(7, 2) == 2, "the bucket lost or kept a result"); }
};
template <bug B>
struct bucket_is_late {
    static constexpr int threads = 2;
    bucket<B> it;
    noted ghost;
    void run(int i) { it.add(i == 0 ? 5 : 7); }
    void check() { require(it.held(7, 2) == 1, "an old result took the place of a new one"); }
};
template <bug B>
struct bucket_leaves {
    static constexpr int threads = 2;
    bucket<B> it;
    noted ghost;
    void run(int i) {
        if (i == 0)
            it.add(5);
        else
            ghost.n[0] = it.held(7, 2);
    }
    void check() { require(ghost.n[0] == 0, "a bucket counts that has left the window"); }
};

// The ring of failure positions: at least two of them after `since`.
template <bug B>
struct ring {
    static constexpr uint64_t size = 3;
    static constexpr order strong = B == bug::ring_acq_rel ? order::acq_rel : order::seq_cst;
    static constexpr order strong_load = B == bug::ring_acq_rel ? order::acquire : order::seq_cst;
    atomic<uint64_t> noted_{0}, positions[size];
    void note(uint64_t position) {
        const uint64_t turn = noted_.fetch_add(1, strong);
        positions[turn % size].exchange(position, strong);
    }
    uint64_t noted() const { return noted_.load(strong_load); }
    bool holds_two(uint64_t since, uint64_t noted) const {
        if (noted < 2) return false;
        const uint64_t position = positions[(noted - 2) % size].load(strong_load);
        if (position < since + (B == bug::ring_edge ? 0 : 1)) return false;
        return B == bug::ring_overtaken || this->noted() <= noted - 2 + size;
    }
};
template <bug B>
struct ring_at_once {
    static constexpr int threads = 2;
    ring<B> it;
    race::atomic<uint64_t> calls{0};
    ::noted ghost;
    void run(int i) {
        it.note(static_cast<uint64_t>(i) + 1);
        ghost.n[i] = it.holds_two(0, it.noted());
    }
    void check() { require(ghost.n[0] + ghost.n[1] >= 1, "two failures missed each other"); }
};
template <bug B>
struct ring_exact {
    static constexpr int threads = 2;
    ring<B> it;
    ::noted ghost;
    ring_exact() {
        it.note(5);
        it.note(6);
    }
    void run(int i) {
        if (i == 0) {
            it.note(7);
            it.note(8);
        } else {
            ghost.n[0] = it.holds_two(5, 2); // of the first two only 6 is after 5
        }
    }
    void check() { require(ghost.n[0] == 0, "a failure counts that has left the window"); }
};

template <bug B>
struct overflow {
    static constexpr int threads = 3;
    atomic<uint64_t> shared{0};
    noted ghost;
    void run(int) {
        if (B == bug::overflow_by_store)
            shared.store(shared.load(order::relaxed) + 1, order::relaxed);
        else
            shared.fetch_add(1, order::relaxed);
    }
    void check() { require(shared.load() == 3, "a call is not counted"); }
};

// One entry of the log.
template <bug B>
struct log_entry {
    static constexpr int threads = 2;
    atomic<uint64_t> number{1}, at{1}, what{1};
    noted ghost;
    void run(int i) {
        if (i == 0) {
            number.store(0, order::relaxed);
            if (B != bug::log_without_fence) race::fence(order::release);
            at.store(2, order::relaxed);
            what.store(2, order::relaxed);
            number.store(2, B == bug::log_number_relaxed ? order::relaxed : order::release);
            return;
        }
        ghost.n[0] = number.load(order::acquire);
        ghost.n[1] = at.load(order::relaxed);
        ghost.n[2] = what.load(order::relaxed);
        race::fence(order::acquire);
        ghost.n[3] = number.load(order::relaxed);
    }
    void check() {
        if (ghost.n[0] == 0 || ghost.n[0] != ghost.n[3]) return;
        require(ghost.n[1] == ghost.n[0] && ghost.n[2] == ghost.n[0], "an entry is torn");
    }
};

int wrong = 0;

template <class World>
bool found(const char* name) {
    const race::report r = race::explorer::the().explore<World>();
    if (!r)
        std::printf("%-24s found after %llu executions: %s\n    replay: %s\n", name,
                    static_cast<unsigned long long>(r.executions), r.failure.c_str(), r.replay.c_str());
    else if (!r.complete)
        std::printf("%-24s not complete\n", name), ++wrong;
    return !r;
}

// The seeded bug is found, and without it nothing is.
template <template <bug> class World, bug B>
void expect(const char* name) {
    if (!found<World<B>>(name)) std::printf("%-24s NOT FOUND\n", name), ++wrong;
    if (found<World<bug::none>>("(none)")) std::printf("%-24s a bug is found in the right design\n", name), ++wrong;
}
template <bug B>
using opens_at_once = opens<B, 0>;
template <bug B>
using opens_to_the_tick = opens<B, 1>;

} // namespace

int main() {
    expect<probes, bug::two_probes_by_store>("two_probes_by_store");
    expect<probes, bug::one_probe_too_many>("one_probe_too_many");
    expect<leases, bug::two_take_over>("two_take_over");
    expect<trips, bug::lost_trip>("lost_trip");
    expect<trips, bug::counted_once_a_try>("counted_once_a_try");
    expect<opens_at_once, bug::time_after_trip>("time_after_trip");
    expect<opens_at_once, bug::time_before_relaxed>("time_before_relaxed");
    // Published before the state and with it, the time is right for whoever sees the state.
    if (found<opens_at_once<bug::loser_overwrites_time>>("(time before)")) ++wrong;
    expect<opens_for_the_winner, bug::loser_overwrites_time>("loser_overwrites_time");
    expect<opens_to_the_tick, bug::a_tick_early>("a_tick_early");
    expect<late, bug::old_result_reopens>("old_result_reopens");
    expect<late, bug::one_bit_generation>("one_bit_generation");
    expect<leases, bug::no_lease>("no_lease");
    expect<probes, bug::lease_after_grant>("lease_after_grant");
    expect<drops, bug::drop_keeps_permit>("drop_keeps_permit");
    expect<bucket_starts_over, bug::reset_then_add>("reset_then_add");
    expect<bucket_is_late, bug::late_rewinds>("late_rewinds");
    expect<bucket_leaves, bug::bucket_edge>("bucket_edge");
    expect<ring_at_once, bug::ring_acq_rel>("ring_acq_rel");
    expect<ring_exact, bug::ring_edge>("ring_edge");
    expect<ring_exact, bug::ring_overtaken>("ring_overtaken");
    expect<overflow, bug::overflow_by_store>("overflow_by_store");
    expect<log_entry, bug::log_without_fence>("log_without_fence");
    expect<log_entry, bug::log_number_relaxed>("log_number_relaxed");
    if (wrong != 0) std::printf("%d not as expected\n", wrong);
    return wrong == 0 ? 0 : 1;
}
