// SPDX-License-Identifier: BSL-1.0

// The explorer's own test: what the memory model allows is seen, and what it forbids is not.

#include "explored_atomics.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <random>
#include <set>
#include <utility>

namespace {

using race::atomic;
using race::order;
constexpr order rlx = order::relaxed, acq = order::acquire, rel = order::release, both = order::acq_rel,
                sc = order::seq_cst;

// What the threads have read; `check` fails when it is the outcome in question.
struct read {
    int r[4]{-1, -1, -1, -1};
};
void is_outcome(bool found) { race::require(!found, "seen"); }

// Store buffering: each writes its own and reads the other's.
template <order Store, order Load, order Fence = rlx>
struct sb {
    static constexpr int threads = 2;
    atomic<int> x{0}, y{0};
    read ghost;
    void run(int i) {
        (i == 0 ? x : y).store(1, Store);
        race::fence(Fence);
        ghost.r[i] = (i == 0 ? y : x).load(Load);
    }
    void check() { is_outcome(ghost.r[0] == 0 && ghost.r[1] == 0); }
};

// The same with read-modify-writes instead of the stores.
template <order Modify, order Load>
struct sb_modify {
    static constexpr int threads = 2;
    atomic<int> x{0}, y{0};
    read ghost;
    void run(int i) {
        (i == 0 ? x : y).fetch_add(1, Modify);
        ghost.r[i] = (i == 0 ? y : x).load(Load);
    }
    void check() { is_outcome(ghost.r[0] == 0 && ghost.r[1] == 0); }
};

// Message passing: data, then a flag.
template <order Store, order Load, order Before = rlx, order After = rlx>
struct mp {
    static constexpr int threads = 2;
    atomic<int> data{0}, flag{0};
    read ghost;
    void run(int i) {
        if (i == 0) {
            data.store(1, rlx);
            race::fence(Before);
            flag.store(1, Store);
        } else {
            ghost.r[0] = flag.load(Load);
            race::fence(After);
            ghost.r[1] = data.load(rlx);
        }
    }
    void check() { is_outcome(ghost.r[0] == 1 && ghost.r[1] == 0); }
};

// Message passing where the flag is taken by a compare-exchange: succeeding, or failing.
template <order Success, order Failure, bool Succeeds>
struct mp_exchange {
    static constexpr int threads = 2;
    atomic<int> data{0}, flag{0};
    read ghost;
    void run(int i) {
        if (i == 0) {
            data.store(1, rlx);
            flag.store(1, rel);
        } else {
            int expected = Succeeds ? 1 : 0;
            ghost.r[0] = flag.compare_exchange_strong(expected, 2, Success, Failure) == Succeeds;
            ghost.r[1] = data.load(rlx);
        }
    }
    void check() { is_outcome(ghost.r[0] == 1 && ghost.r[1] == 0); }
};

// Independent reads of independent writes: two readers disagree about which came first.
template <order Store, order Load>
struct iriw {
    static constexpr int threads = 4;
    atomic<int> x{0}, y{0};
    read ghost;
    void run(int i) {
        if (i < 2) return (i == 0 ? x : y).store(1, Store);
        ghost.r[i - 2] = (i == 2 ? x : y).load(Load);
        ghost.r[i] = (i == 2 ? y : x).load(Load);
    }
    void check() { is_outcome(ghost.r[0] == 1 && ghost.r[2] == 0 && ghost.r[1] == 1 && ghost.r[3] == 0); }
};

// Two reads of one location never go back.
struct corr {
    static constexpr int threads = 2;
    atomic<int> x{0};
    read ghost;
    void run(int i) {
        if (i == 0) return x.store(1, rlx);
        ghost.r[0] = x.load(rlx);
        ghost.r[1] = x.load(rlx);
    }
    void check() { is_outcome(ghost.r[0] == 1 && ghost.r[1] == 0); }
};
// A thread reads no older than what it wrote itself.
struct cowr {
    static constexpr int threads = 2;
    atomic<int> x{0};
    read ghost;
    void run(int i) {
        x.store(i + 1, rlx);
        if (i == 0) ghost.r[0] = x.load(rlx);
    }
    void check() { is_outcome(ghost.r[0] == 0); }
};
// A relaxed load may read an old value long after the new one.
struct stale {
    static constexpr int threads = 2;
    atomic<int> x{0}, y{0};
    read ghost;
    void run(int i) {
        if (i == 0) {
            x.store(1, rlx);
            y.store(1, rlx);
        } else {
            ghost.r[0] = y.load(rlx);
            ghost.r[1] = x.load(rlx);
        }
    }
    void check() { is_outcome(ghost.r[0] == 1 && ghost.r[1] == 0); }
};

// Release by the first, what `Second` does in between, acquire by the last.
enum class between { modifies, stores, same_thread_stores };
template <between Second>
struct release_sequence {
    static constexpr int threads = 3;
    atomic<int> data{0}, flag{0};
    read ghost;
    void run(int i) {
        if (i == 0) {
            data.store(1, rlx);
            flag.store(1, rel);
            if (Second == between::same_thread_stores) flag.store(2, rlx);
        } else if (i == 1) {
            if (Second == between::modifies) ghost.r[2] = flag.fetch_add(1, rlx);
            if (Second == between::stores && (ghost.r[2] = flag.load(rlx)) == 1) flag.store(2, rlx);
        } else {
            ghost.r[0] = flag.load(acq);
            ghost.r[1] = data.load(rlx);
        }
    }
    void check() { is_outcome(ghost.r[0] == 2 && ghost.r[1] == 0); }
};

// Causality over three threads.
template <order Store, order Load>
struct wrc {
    static constexpr int threads = 3;
    atomic<int> x{0}, y{0};
    read ghost;
    void run(int i) {
        if (i == 0) return x.store(1, rlx);
        if (i == 1) {
            ghost.r[0] = x.load(rlx);
            return y.store(1, Store);
        }
        ghost.r[1] = y.load(Load);
        ghost.r[2] = x.load(rlx);
    }
    void check() { is_outcome(ghost.r[0] == 1 && ghost.r[1] == 1 && ghost.r[2] == 0); }
};

// R: the order of two stores against a read of another location.
template <order All>
struct r_test {
    static constexpr int threads = 2;
    atomic<int> x{0}, y{0};
    read ghost;
    void run(int i) {
        if (i == 0) {
            x.store(1, All);
            y.store(1, All);
        } else {
            y.store(2, All);
            ghost.r[0] = x.load(All);
        }
    }
    void check() { is_outcome(y.load() == 2 && ghost.r[0] == 0); }
};

// Two additions are never one.
struct modify_is_atomic {
    static constexpr int threads = 3;
    atomic<int> x{0};
    read ghost;
    void run(int i) { ghost.r[i] = x.fetch_add(1, rlx); }
    void check() {
        is_outcome(x.load() != 3 || ghost.r[0] == ghost.r[1] || ghost.r[1] == ghost.r[2] || ghost.r[0] == ghost.r[2]);
    }
};
struct load_then_store_is_not {
    static constexpr int threads = 2;
    atomic<int> x{0};
    read ghost;
    void run(int) { x.store(x.load(sc) + 1, sc); }
    void check() { is_outcome(x.load() == 1); }
};
// A compare-exchange succeeds on the latest value only, and may fail on an older one.
struct exchange_on_an_old_value {
    static constexpr int threads = 2;
    atomic<int> x{0};
    read ghost;
    void run(int i) {
        int expected = 0;
        if (i == 0) x.store(1, rlx);
        if (i == 1) ghost.r[0] = x.compare_exchange_strong(expected, 2, rlx);
    }
    void check() { is_outcome(ghost.r[0] == 1 && x.load() == 2); }
};
struct two_exchanges_win {
    static constexpr int threads = 2;
    atomic<int> x{0};
    read ghost;
    void run(int i) {
        int expected = 0;
        ghost.r[i] = x.compare_exchange_strong(expected, i + 1, rlx);
    }
    void check() { is_outcome(ghost.r[0] + ghost.r[1] != 1); }
};
template <bool Weak>
struct exchange_fails_for_no_reason {
    static constexpr int threads = 1;
    atomic<int> x{0};
    read ghost;
    void run(int) {
        int expected = 0;
        ghost.r[0] = Weak ? x.compare_exchange_weak(expected, 1, rlx) : x.compare_exchange_strong(expected, 1, rlx);
    }
    void check() { is_outcome(ghost.r[0] == 0); }
};

// The documented gaps: the standard allows these, the explorer does not see them.
struct load_buffering {
    static constexpr int threads = 2;
    atomic<int> x{0}, y{0};
    read ghost;
    void run(int i) {
        ghost.r[i] = (i == 0 ? x : y).load(rlx);
        (i == 0 ? y : x).store(1, rlx);
    }
    void check() { is_outcome(ghost.r[0] == 1 && ghost.r[1] == 1); }
};
struct two_plus_two_writes {
    static constexpr int threads = 2;
    atomic<int> x{0}, y{0};
    read ghost;
    void run(int i) {
        (i == 0 ? x : y).store(1, rlx);
        (i == 0 ? y : x).store(2, rlx);
    }
    void check() { is_outcome(x.load() == 1 && y.load() == 1); }
};

// The clock orders nothing: what was stored before it went on may still be unseen after.
struct clock_orders_nothing {
    static constexpr int threads = 2;
    atomic<int> x{0};
    read ghost;
    void run(int i) {
        if (i == 0) {
            x.store(1, rel);
            race::explorer::the().advance(1);
        } else {
            ghost.r[0] = static_cast<int>(race::explorer::the().now());
            ghost.r[1] = x.load(acq);
        }
    }
    void check() { is_outcome(ghost.r[0] == 1 && ghost.r[1] == 0); }
};
// A thread that waits for ever is found.
struct stuck {
    static constexpr int threads = 2;
    atomic<int> x{0};
    read ghost;
    void run(int i) {
        if (i == 1) x.store(1, rlx);
        while (x.load(rlx) != 2) {
        }
    }
    void check() {}
};

// Programs at random: what the search leaves out leaves out no outcome.
struct operation {
    int kind, at;
    order how;
};
using random_program = std::array<std::array<operation, 4>, 3>;
random_program random_one;
std::set<std::array<int, 16>> outcomes;

template <int Threads, int Operations>
struct at_random {
    static constexpr int threads = Threads;
    atomic<int> x[3]{};
    struct {
        int r[std::size_t{Threads}][std::size_t{Operations}];
    } ghost{};
    void run(int i) {
        for (int n = 0; n < Operations; ++n) {
            const operation& o = random_one[static_cast<std::size_t>(i)][static_cast<std::size_t>(n)];
            const bool loads = o.how == acq, stores = o.how == rel;
            int expected = i;
            int& r = ghost.r[i][n];
            if (o.kind == 0)
                r = x[o.at].load(stores || o.how == both ? acq : o.how);
            else if (o.kind == 1)
                x[o.at].store(10 * i + n + 1, loads || o.how == both ? rel : o.how);
            else if (o.kind == 2)
                x[o.at].fetch_add(100, o.how);
            else if (o.kind == 3)
                r = x[o.at].fetch_add(100, o.how);
            else if (o.kind == 4)
                r = 2 * expected + x[o.at].compare_exchange_strong(expected, 7 + n, o.how, rlx);
            else
                race::fence(o.how);
        }
    }
    void check() {
        std::array<int, 16> end{x[0].load(), x[1].load(), x[2].load()};
        for (int i = 0; i < Threads * Operations; ++i)
            end[static_cast<std::size_t>(i) + 3] = ghost.r[i / Operations][i % Operations];
        outcomes.insert(end);
    }
};

int right = 0, wrong = 0;

template <class World>
void compare(unsigned programs) {
    std::mt19937 random(static_cast<unsigned>(World::threads));
    std::size_t most = 0;
    unsigned long long few = 0, many = 0;
    for (unsigned n = 0; n < programs; ++n) {
        for (auto& thread : random_one)
            for (operation& o : thread) {
                constexpr order orders[]{rlx, rlx, acq, rel, both, sc};
                o = {static_cast<int>(random() % 6), static_cast<int>(random() % 3), orders[random() % 6]};
            }
        race::limits l;
        outcomes.clear();
        few += race::explorer::the().explore<World>(l).executions;
        const auto reduced = std::exchange(outcomes, {});
        l.reduced = false;
        many += race::explorer::the().explore<World>(l).executions;
        most = std::max(most, outcomes.size());
        if (reduced != outcomes) std::printf("program %u: %zu outcomes of %zu\n", n, reduced.size(), outcomes.size());
        ++(reduced == outcomes ? right : wrong);
    }
    std::printf("%u programs of %d threads at random, up to %zu outcomes each: %llu executions find what %llu do\n",
                programs, World::threads, most, few, many);
}

template <class World>
void expect(const char* name, bool seen, race::limits l = {}) {
    const race::report r = race::explorer::the().explore<World>(l);
    const bool found = !r;
    const bool as_told = found == seen && (seen || r.complete);
    std::printf("%-62s %-8s %8llu executions%s\n", name, found ? "seen" : "not seen",
                static_cast<unsigned long long>(r.executions), as_told ? "" : "   <-- WRONG");
    ++(as_told ? right : wrong);
}

} // namespace

int main() {
    constexpr bool seen = true, unseen = false;
    expect<sb<rlx, rlx>>("SB relaxed", seen);
    expect<sb<rel, acq>>("SB release, acquire", seen);
    expect<sb<sc, sc>>("SB seq_cst", unseen);
    expect<sb<sc, acq>>("SB seq_cst stores only", seen);
    expect<sb<rel, sc>>("SB seq_cst loads only", seen);
    expect<sb<rlx, rlx, sc>>("SB relaxed, seq_cst fences", unseen);
    expect<sb<rlx, rlx, both>>("SB relaxed, acq_rel fences", seen);
    expect<sb_modify<both, acq>>("SB acq_rel read-modify-writes", seen);
    expect<sb_modify<sc, sc>>("SB seq_cst read-modify-writes", unseen);
    expect<sb_modify<sc, rlx>>("SB seq_cst read-modify-writes, relaxed loads", seen);
    expect<mp<rlx, rlx>>("MP relaxed", seen);
    expect<mp<rel, acq>>("MP release, acquire", unseen);
    expect<mp<sc, sc>>("MP seq_cst", unseen);
    expect<mp<rlx, acq>>("MP relaxed store, acquire", seen);
    expect<mp<rel, rlx>>("MP release, relaxed load", seen);
    expect<mp<rlx, rlx, rel, acq>>("MP fences", unseen);
    expect<mp<rlx, acq, rel>>("MP release fence, acquire load", unseen);
    expect<mp<rel, rlx, rlx, acq>>("MP release store, acquire fence", unseen);
    expect<mp<rlx, rlx, acq, rel>>("MP fences the wrong way round", seen);
    expect<mp<rlx, rlx, rel>>("MP release fence alone", seen);
    expect<mp<rlx, rlx, rlx, acq>>("MP acquire fence alone", seen);
    expect<mp_exchange<acq, rlx, true>>("MP compare-exchange that acquires", unseen);
    expect<mp_exchange<rlx, rlx, true>>("MP compare-exchange that does not", seen);
    expect<mp_exchange<rlx, acq, false>>("MP failed compare-exchange that acquires", unseen);
    expect<mp_exchange<acq, rlx, false>>("MP failed compare-exchange that does not", seen);
    expect<iriw<rlx, rlx>>("IRIW relaxed", seen);
    expect<iriw<rel, acq>>("IRIW release, acquire", seen);
    expect<iriw<sc, sc>>("IRIW seq_cst", unseen);
    expect<corr>("CoRR relaxed", unseen);
    expect<cowr>("CoWR relaxed", unseen);
    expect<stale>("an old value is read after a newer one elsewhere", seen);
    expect<release_sequence<between::modifies>>("release sequence through a relaxed read-modify-write", unseen);
    expect<release_sequence<between::stores>>("release sequence ended by another's store", seen);
    expect<release_sequence<between::same_thread_stores>>("release sequence ended by an own relaxed store", seen);
    expect<wrc<rlx, rlx>>("WRC relaxed", seen);
    expect<wrc<rel, acq>>("WRC release, acquire, from a relaxed store", unseen);
    expect<r_test<rlx>>("R relaxed", seen);
    expect<r_test<sc>>("R seq_cst", unseen);
    expect<modify_is_atomic>("two of three fetch_adds get the same", unseen);
    expect<load_then_store_is_not>("load and store lose an addition", seen);
    expect<exchange_on_an_old_value>("compare-exchange overwrites unseen", unseen);
    expect<two_exchanges_win>("two compare-exchanges win, or none", unseen);
    expect<exchange_fails_for_no_reason<true>>("weak compare-exchange fails for no reason", seen, {.spurious = 1});
    expect<exchange_fails_for_no_reason<true>>("... unless told not to", unseen);
    expect<exchange_fails_for_no_reason<false>>("strong compare-exchange fails for no reason", unseen, {.spurious = 1});
    expect<clock_orders_nothing>("the clock has gone on, the store is unseen", seen);
    expect<stuck>("a thread waits for ever", seen);
    expect<load_buffering>("LB relaxed: allowed, a gap of the explorer", unseen);
    expect<two_plus_two_writes>("2+2W relaxed: allowed, a gap of the explorer", unseen);
    compare<at_random<2, 4>>(300);
    compare<at_random<3, 2>>(300);
    // With a bound: fewer preemptions, fewer outcomes.
    expect<load_then_store_is_not>("load and store lose an addition, 0 preemptions", unseen, {.preemptions = 0});
    expect<load_then_store_is_not>("load and store lose an addition, 1 preemption", seen, {.preemptions = 1});
    expect<iriw<rel, acq>>("IRIW release, acquire, 2 preemptions", seen, {.preemptions = 2});
    std::printf("%d passed, %d failed\n", right, wrong);
    return wrong == 0 ? 0 : 1;
}
