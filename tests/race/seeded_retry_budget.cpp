// SPDX-License-Identifier: BSL-1.0

// A small copy of the retry budget, and what can be wrong with it.

#include "seeded.hpp"

#include "checked_atomics.hpp"

#include <cstdint>

namespace race {
namespace {

using std::uint64_t;

enum class bug {
    none,
    sum_first,        // the successes are added up before the word is read that says how many are known
    word_relaxed,     // ... or as if they were
    word_is_stored,   // two failures at once take one token
    sum_is_forgotten, // who fails again after another's failure adds up no more
};

// `tokens:32 | successes known:32`, in halves of a token, of which a success earns one.
template <bug B>
struct budget {
    static constexpr int threads = 2;
    static constexpr uint64_t most = 100;
    atomic<uint64_t> word{of(20, 0)}, successes[2];
    notes ghost;

    static uint64_t of(uint64_t tokens, uint64_t known) { return tokens << 32 | known; }
    uint64_t sum() const { return successes[0].load(order::relaxed) + successes[1].load(order::relaxed); }

    void run(int i) {
        successes[i].store(successes[i].load(order::relaxed) + 1, order::relaxed);
        failure();
    }
    void failure() {
        const uint64_t early = sum();
        uint64_t seen = word.load(B == bug::word_relaxed ? order::relaxed : order::acquire), next = 0;
        bool first = true;
        do {
            const bool takes_early = B == bug::sum_first || (B == bug::sum_is_forgotten && !first);
            const uint64_t now = takes_early ? early : sum();
            next = of(after(seen, now) - 2, now);
            if (B == bug::word_is_stored) return word.store(next, order::release);
            first = false;
        } while (!word.compare_exchange_weak(seen, next, order::release,
                                             B == bug::word_relaxed ? order::relaxed : order::acquire));
    }
    static uint64_t after(uint64_t seen, uint64_t now) {
        const uint64_t fresh = (now - seen) & 0xffff'ffff;
        return (seen >> 32) + fresh < most ? (seen >> 32) + fresh : most;
    }
    void check() { require(after(word.load(), sum()) == 18, "a success or a failure is lost, or counts twice"); }
};

} // namespace

seeded_list retry_budget_bugs() {
    return {
        seed<bug::sum_first, budget>("sum_first"),
        seed<bug::word_relaxed, budget>("word_relaxed"),
        seed<bug::word_is_stored, budget>("word_is_stored"),
        seed<bug::sum_is_forgotten, budget>("sum_is_forgotten"),
    };
}

} // namespace race
