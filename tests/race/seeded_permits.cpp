// SPDX-License-Identifier: BSL-1.0

// A small copy of a bulkhead's permits, one of them, with a line of two; and what can be wrong with it.

#include "seeded.hpp"

#include <cstdint>

namespace race {
namespace {

using std::uint64_t;

enum class bug {
    none,
    permit_by_sight,    // who has seen a free permit takes it, whoever came in between
    refused_together,   // who is being turned away turns the next one away, from a free permit
    barging,            // a newcomer takes what comes back, whoever waits
    lost_at_hand_over,  // a permit is handed to one who has left
    leaves_by_store,    // ... or one leaves who has been handed it
    line_unseen,        // who gives back looks for a line before it gives back
    turned_away_in_way, // one who is turned away keeps a permit from who waits, and hands over none
    told_relaxed,       // who is handed a permit does not see what its last holder did
};

// `given out:8 | in line:8 | claims:8`. A place is used once here.
template <bug B>
struct one_permit {
    static constexpr uint64_t claim = 1, place = 1 << 8, given = 1 << 16;
    atomic<uint64_t> word{0}, turn[2]; // 0: waits, 1: gone, 2: told
    static uint64_t claims(uint64_t w) { return w & 0xff; }
    static uint64_t in_line(uint64_t w) { return w >> 8 & 0xff; }
    static bool is_free(uint64_t w) { return claims(w) == 0 && (B == bug::barging || in_line(w) == 0); }

    bool try_take() {
        uint64_t seen = word.load(order::relaxed);
        if (!is_free(seen)) return false;
        seen = word.fetch_add(claim, order::acquire);
        if (is_free(seen) || B == bug::permit_by_sight) return true;
        do {
            seen = word.load(order::acquire);
            if (claims(seen) == 1 && in_line(seen) == 0 && B != bug::refused_together) return true;
        } while (!word.compare_exchange_weak(seen, seen - claim, order::relaxed));
        if (in_line(seen) != 0 && B != bug::turned_away_in_way) hand_over();
        return false;
    }
    /// 2: has the permit; otherwise its place in line.
    uint64_t enter() {
        uint64_t seen = word.load(order::relaxed);
        for (;;) {
            const bool takes = is_free(seen);
            if (word.compare_exchange_weak(seen, seen + (takes ? claim : place + given), order::acq_rel,
                                           order::relaxed))
                return takes ? 2 : seen >> 16;
        }
    }
    void give_back() {
        const uint64_t early = word.load(order::relaxed);
        const uint64_t seen = word.fetch_add(~uint64_t{0}, order::release);
        if (in_line(B == bug::line_unseen ? early : seen) != 0) hand_over();
    }
    bool is_told(uint64_t mine) { return turn[mine].load(order::acquire) == 2; }
    bool leave(uint64_t mine) {
        uint64_t expected = 0;
        if (B == bug::leaves_by_store) {
            if (turn[mine].load(order::relaxed) == 2) return false;
            turn[mine].store(1, order::relaxed);
            return true;
        }
        return turn[mine].compare_exchange_strong(expected, 1, order::acquire, order::acquire);
    }
    void hand_over() {
        uint64_t seen = word.load(order::relaxed);
        while (in_line(seen) != 0 && claims(seen) == 0) {
            if (!word.compare_exchange_weak(seen, seen + claim - place, order::acquire, order::relaxed)) continue;
            const uint64_t first = (seen >> 16) - in_line(seen);
            const bool gone = turn[first].exchange(2, B == bug::told_relaxed ? order::relaxed : order::release) == 1;
            if (gone && B != bug::lost_at_hand_over) word.fetch_add(~uint64_t{0}, order::relaxed);
            seen = word.load(order::relaxed);
        }
    }
    void require_free() { require(word.load() << 48 == 0, "a permit or a place in line is lost"); }
};

// Threads come for the permit at once.
template <bug B>
struct come_at_once {
    static constexpr int threads = 3;
    one_permit<B> it;
    notes ghost;
    void run(int i) { ghost.n[i] = it.try_take(); }
    void check() { require(ghost.n[0] + ghost.n[1] + ghost.n[2] == 1, "not one of them has the permit"); }
};
// One comes while the permit is out, and another after it has come back.
template <bug B>
struct comes_after {
    static constexpr int threads = 3;
    one_permit<B> it;
    atomic<uint64_t> is_back{0};
    notes ghost;
    void run(int i) {
        if (i == 0) {
            if (!it.try_take()) return;
            it.give_back();
            return is_back.store(1, order::release);
        }
        if (i == 2 && is_back.load(order::acquire) == 0) return;
        ghost.n[i] = it.try_take() ? 1 : 2;
    }
    void check() { require(ghost.n[1] == 1 || ghost.n[2] != 2, "a free permit is refused"); }
};
// One gives back, one waits, and a newcomer.
template <bug B>
struct newcomer {
    static constexpr int threads = 2;
    one_permit<B> it;
    notes ghost;
    newcomer() {
        it.try_take();
        it.enter();
    }
    void run(int i) {
        if (i == 0)
            it.give_back();
        else
            ghost.n[0] = it.try_take();
    }
    void check() { require(ghost.n[0] == 0 && it.is_told(0), "a newcomer has overtaken who waits"); }
};
// One gives back, and one leaves the line.
template <bug B>
struct leaver {
    static constexpr int threads = 2;
    one_permit<B> it;
    notes ghost;
    leaver() {
        it.try_take();
        it.enter();
    }
    void run(int i) {
        if (i == 0)
            it.give_back();
        else
            ghost.n[0] = it.leave(0);
    }
    void check() {
        if (!ghost.n[0]) it.give_back();
        it.require_free();
    }
};
// One gives back, and one gets in line.
template <bug B>
struct joiner {
    static constexpr int threads = 2;
    one_permit<B> it;
    notes ghost;
    joiner() { it.try_take(); }
    void run(int i) {
        if (i == 0)
            it.give_back();
        else
            ghost.n[0] = it.enter();
    }
    void check() { require(ghost.n[0] == 2 || it.is_told(0), "one who waits is not told of a free permit"); }
};
// Two come for the permit, and a third gets in line behind who is just being turned away.
template <bug B>
struct turned_away {
    static constexpr int threads = 3;
    one_permit<B> it;
    notes ghost;
    void run(int i) {
        if (i == 2)
            ghost.n[2] = it.enter();
        else if (it.try_take())
            it.give_back();
    }
    void check() { require(ghost.n[2] == 2 || it.is_told(0), "one who waits is not told of a free permit"); }
};
// One works and gives back, and who waits goes on from there.
template <bug B>
struct worker {
    static constexpr int threads = 2;
    one_permit<B> it;
    atomic<uint64_t> data{0};
    notes ghost;
    worker() {
        it.try_take();
        it.enter();
    }
    void run(int i) {
        if (i == 0) {
            data.store(1, order::relaxed);
            it.give_back();
        } else if (it.is_told(0)) {
            ghost.n[0] = 2 - data.load(order::relaxed);
        }
    }
    void check() { require(ghost.n[0] != 2, "a holder did not see what the one before did"); }
};

} // namespace

seeded_list permit_bugs() {
    return {
        seed<bug::permit_by_sight, come_at_once>("permit_by_sight"),
        seed<bug::refused_together, comes_after>("refused_together"),
        seed<bug::barging, newcomer>("barging"),
        seed<bug::lost_at_hand_over, leaver>("lost_at_hand_over"),
        seed<bug::leaves_by_store, leaver>("leaves_by_store"),
        seed<bug::line_unseen, joiner>("line_unseen"),
        seed<bug::turned_away_in_way, turned_away>("turned_away_in_way"),
        seed<bug::told_relaxed, worker>("told_relaxed"),
    };
}

} // namespace race
