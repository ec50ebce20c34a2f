// SPDX-License-Identifier: BSL-1.0

// Small copies of the parts of keel's windows and of its log, and what can be wrong with them.

#include "seeded.hpp"

#include <cstdint>

namespace race {
namespace {

using std::int64_t;
using std::uint64_t;

enum class bug {
    none,
    reset_then_add,        // a bucket is started over by one store and counted in by another
    late_rewinds,          // a thread with an old epoch starts the bucket over
    bucket_edge,           // the bucket that has just left the window counts
    ring_edge,             // the position before the window counts
    ring_overtaken,        // a place that was written anew is taken for what it was
    no_fence,              // results recorded at once miss each other
    fence_too_weak,        // ... though the fence acquires and releases
    extent_first,          // the calls in the window are read before the failures
    row_of_any_generation, // failures in a row are judged whatever generation they are of
    overflow_by_store,     // threads without a shard count by a load and a store
    log_without_fence,
    log_number_relaxed,
    log_without_claim, // two writers, a round apart, in one entry
    stale_evaluation,  // what was evaluated of fewer requests is stored last
    limit_by_store,    // a limit is set by a store, over permits that are taken meanwhile
    window_of_two,     // two threads find the same window over
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
    notes ghost;
    bucket_starts_over() { it.add(5); }
    void run(int) { it.add(7); }
    void check() { require(it.held(7, 2) == 2, "the bucket lost or kept a result"); }
};
template <bug B>
struct bucket_is_late {
    static constexpr int threads = 2;
    bucket<B> it;
    notes ghost;
    void run(int i) { it.add(i == 0 ? 5 : 7); }
    void check() { require(it.held(7, 2) == 1, "an old result took the place of a new one"); }
};
template <bug B>
struct bucket_leaves {
    static constexpr int threads = 2;
    bucket<B> it;
    notes ghost;
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
    atomic<uint64_t> noted_{0}, positions[size];
    void note(uint64_t position) {
        const uint64_t turn = noted_.fetch_add(1, order::release);
        positions[turn % size].store(position, order::release);
        if (B != bug::no_fence) fence(B == bug::fence_too_weak ? order::acq_rel : order::seq_cst);
    }
    uint64_t noted() const { return noted_.load(order::acquire); }
    bool holds_two(uint64_t since, uint64_t noted) const {
        if (noted < 2) return false;
        const uint64_t position = positions[(noted - 2) % size].load(order::acquire);
        if (position < since + (B == bug::ring_edge ? 0 : 1)) return false;
        return B == bug::ring_overtaken || this->noted() <= noted - 2 + size;
    }
};
template <bug B>
struct ring_at_once {
    static constexpr int threads = 2;
    ring<B> it;
    notes ghost;
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
    notes ghost;
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
    notes ghost;
    void run(int) {
        if (B == bug::overflow_by_store)
            shared.store(shared.load(order::relaxed) + 1, order::relaxed);
        else
            shared.fetch_add(1, order::relaxed);
    }
    void check() { require(shared.load() == 3, "a call is not counted"); }
};

// An entry of the log, its number written last, and its reader.
struct log_entry {
    static constexpr uint64_t being_written = 0;
    atomic<uint64_t> number{1}, at{1}, what{1};
    notes ghost;
    void fill(uint64_t turn, order last = order::release) {
        at.store(turn, order::relaxed);
        what.store(turn, order::relaxed);
        number.store(turn, last);
    }
    void read() {
        ghost.n[0] = number.load(order::acquire);
        ghost.n[1] = at.load(order::relaxed);
        ghost.n[2] = what.load(order::relaxed);
        fence(order::acquire);
        ghost.n[3] = number.load(order::relaxed);
    }
    void check() {
        if (ghost.n[0] == being_written || ghost.n[0] != ghost.n[3]) return;
        require(ghost.n[1] == ghost.n[0] && ghost.n[2] == ghost.n[0], "an entry is torn");
    }
};
template <bug B>
struct log_of_one : log_entry {
    static constexpr int threads = 2;
    void run(int i) {
        if (i == 1) return read();
        number.store(being_written, order::relaxed);
        if (B != bug::log_without_fence) fence(order::release);
        fill(2, B == bug::log_number_relaxed ? order::relaxed : order::release);
    }
};
// Two writers, a whole round apart.
template <bug B>
struct log_of_two : log_entry {
    static constexpr int threads = 3;
    void run(int i) {
        if (i == 2) return read();
        const auto turn = static_cast<uint64_t>(i) + 2;
        uint64_t seen = number.load(order::relaxed);
        if (B == bug::log_without_claim)
            number.store(being_written, order::relaxed);
        else if (seen == being_written || seen > turn ||
                 !number.compare_exchange_strong(seen, being_written, order::acquire, order::relaxed))
            return;
        fence(order::release);
        fill(turn);
    }
};

// Calls and failures among them, told to a reader.
template <bug B>
struct rate {
    static constexpr int threads = 2;
    atomic<uint64_t> calls{0}, failures{0};
    notes ghost;
    void run(int i) {
        if (i == 0) {
            calls.fetch_add(1, order::relaxed);
            failures.fetch_add(1, order::release);
            return;
        }
        if (B == bug::extent_first) ghost.n[0] = calls.load(order::relaxed);
        ghost.n[1] = failures.load(order::acquire);
        if (B != bug::extent_first) ghost.n[0] = calls.load(order::relaxed);
    }
    void check() { require(ghost.n[1] <= ghost.n[0], "a rate above 1"); }
};

// Of three requests, one of which was accepted, two fail at once: together they are one too many.
template <bug B>
struct evaluation {
    static constexpr int threads = 2;
    atomic<uint64_t> requests[2], excess{0};
    notes ghost;
    void run(int i) {
        requests[i].store(1, order::relaxed);
        uint64_t seen = excess.load(order::relaxed), next = 0;
        do {
            fence(order::seq_cst);
            next = 1 + requests[0].load(order::relaxed) + requests[1].load(order::relaxed) - 2;
            if (B == bug::stale_evaluation) return excess.store(next, order::relaxed);
        } while (next != seen && !excess.compare_exchange_weak(seen, next, order::relaxed, order::relaxed));
    }
    void check() { require(excess.load() == 1, "what was evaluated of fewer requests stays"); }
};

// A limit of 2 that grows by one at the end of a window, which the first of two calls finds over. `limit:32 |
// taken:32`.
template <bug B>
struct limit_word {
    static constexpr int threads = 2;
    static constexpr uint64_t one_more = uint64_t{1} << 32, taken_away = 99;
    atomic<uint64_t> word{2 * one_more}, end{1};
    notes ghost;
    void run(int) {
        word.fetch_add(1, order::relaxed);
        word.fetch_add(~uint64_t{0}, order::relaxed);
        uint64_t seen = end.load(order::relaxed);
        if (seen != 1) return;
        if (B != bug::window_of_two && !end.compare_exchange_strong(seen, taken_away, order::acquire, order::relaxed))
            return;
        if (B == bug::limit_by_store)
            word.store(word.load(order::relaxed) + one_more, order::relaxed);
        else
            word.fetch_add(one_more, order::relaxed);
        end.store(2, order::release);
    }
    void check() { require(word.load() == 3 * one_more, "a permit is lost, or a window ended twice"); }
};

// One failure in a row trips it. A failure of generation 0 is being recorded when generation 1 begins, and a success of
// that is recorded and judged.
template <bug B>
struct rows {
    static constexpr int threads = 2;
    static constexpr uint64_t open = 99;
    atomic<uint64_t> row{0}, generation{0};
    notes ghost;
    void run(int i) {
        if (i == 1) generation.store(1, order::release);
        record(static_cast<uint64_t>(i), i == 0);
        uint64_t mine = static_cast<uint64_t>(i);
        const uint64_t seen = row.load(order::relaxed);
        if ((seen >> 32 == mine || B == bug::row_of_any_generation) && (seen & 0xffff'ffff) >= 1)
            generation.compare_exchange_strong(mine, open, order::release, order::relaxed);
    }
    void record(uint64_t mine, bool failed) {
        if (!failed) return row.store(mine << 32, order::relaxed);
        uint64_t seen = row.load(order::relaxed), next = 0;
        do {
            next = (seen >> 32 == mine ? seen : mine << 32) + 1;
        } while (!row.compare_exchange_weak(seen, next, order::relaxed, order::relaxed));
    }
    void check() { require(generation.load() == 1, "a failure of an earlier generation trips it"); }
};

} // namespace

seeded_list part_bugs() {
    return {
        seed<bug::reset_then_add, bucket_starts_over>("reset_then_add"),
        seed<bug::late_rewinds, bucket_is_late>("late_rewinds"),
        seed<bug::bucket_edge, bucket_leaves>("bucket_edge"),
        seed<bug::ring_edge, ring_exact>("ring_edge"),
        seed<bug::ring_overtaken, ring_exact>("ring_overtaken"),
        seed<bug::no_fence, ring_at_once>("no_fence"),
        seed<bug::fence_too_weak, ring_at_once>("fence_too_weak"),
        seed<bug::extent_first, rate>("extent_first"),
        seed<bug::row_of_any_generation, rows>("row_of_any_generation"),
        seed<bug::overflow_by_store, overflow>("overflow_by_store"),
        seed<bug::log_without_fence, log_of_one>("log_without_fence"),
        seed<bug::log_number_relaxed, log_of_one>("log_number_relaxed"),
        seed<bug::log_without_claim, log_of_two>("log_without_claim"),
        seed<bug::stale_evaluation, evaluation>("stale_evaluation"),
        seed<bug::limit_by_store, limit_word>("limit_by_store"),
        seed<bug::window_of_two, limit_word>("window_of_two"),
    };
}

} // namespace race
