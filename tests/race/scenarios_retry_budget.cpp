// SPDX-License-Identifier: BSL-1.0

// A retry budget whose successes are added up by whoever fails next.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include "../support/naive_retry_budget.hpp"

#include <keel/retry_budget.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace race {
namespace {

constexpr limits all{}, two{.preemptions = 2};

/// Thread i does what its word says: `s` is a success, `f` a failure. What comes of it is what comes of these in some
/// order, done at once: no success is lost, and none is counted twice.
template <std::size_t Threads>
struct budget_world {
    static constexpr int threads = Threads;
    using told = std::array<std::uint64_t, Threads>; ///< the answers to each thread's failures, a bit each

    keel::basic_retry_budget<2, checked_atomics> it;
    std::array<std::string_view, Threads> words;
    support::naive_retry_budget first;
    told ghost{};

    budget_world(keel::retry_budget_config c, int failures, const std::array<std::string_view, Threads>& each)
      : it(c)
      , words(each)
      , first{.most = static_cast<std::int64_t>(c.most()), .earned = static_cast<std::int64_t>(c.earned())} {
        for (int i = 0; i < failures; ++i) {
            it.failure();
            first.failure();
        }
    }
    void run(int i) {
        const auto mine = static_cast<std::size_t>(i);
        for (const char each : words[mine])
            deed(it, each, ghost[mine]);
    }
    void check() const { require(is_of_some_order({first, {}, {}}), "the tokens are those of no order of the calls"); }

  private:
    struct so_far {
        support::naive_retry_budget model;
        std::array<std::size_t, Threads> done;
        told answers;
    };
    static void deed(auto& budget, char what, std::uint64_t& answers) {
        if (what == 's') return budget.success();
        answers = answers << 1 | std::uint64_t{budget.failure()};
    }
    bool is_of_some_order(const so_far& now) const {
        bool over = true;
        for (std::size_t i = 0; i < Threads; ++i) {
            if (now.done[i] == words[i].size()) continue;
            over = false;
            so_far next = now;
            deed(next.model, words[i][next.done[i]++], next.answers[i]);
            if (is_of_some_order(next)) return true;
        }
        return over && now.answers == ghost && it.tokens() == static_cast<double>(now.model.tokens) / 1000;
    }
};

// Far from either end, where every token shows.
struct budget_loses_no_success : budget_world<3> {
    budget_loses_no_success()
      : budget_world({.max_tokens = 10, .ratio = 0.5}, 5, {"sf", "sf", "ssf"}) {}
};
// Where it is full and is cut, and where it is empty.
struct budget_is_cut_in_some_order : budget_world<2> {
    budget_is_cut_in_some_order()
      : budget_world({.max_tokens = 2, .ratio = 0.75}, 0, {"sfsf", "fssf"}) {}
};
struct budget_ends_empty_in_some_order : budget_world<2> {
    budget_ends_empty_in_some_order()
      : budget_world({.max_tokens = 3, .ratio = 0.25}, 2, {"fsf", "sff"}) {}
};
// Slots 2 and 3 have no shard: they add to the one that is shared.
struct budget_counts_threads_without_a_shard : budget_world<4> {
    budget_counts_threads_without_a_shard()
      : budget_world({.max_tokens = 4, .ratio = 1}, 3, {"f", "s", "sf", "s"}) {}
};

// Who only looks sees neither more tokens than there may have been, nor less.
struct budget_is_looked_at {
    static constexpr int threads = 3;
    keel::basic_retry_budget<2, checked_atomics> it{{.max_tokens = 10, .ratio = 0.5}};
    std::uint64_t ghost = 0;

    budget_is_looked_at() {
        for (int i = 0; i < 4; ++i)
            it.failure();
    }
    void run(int i) {
        if (i == 2) {
            const double seen = it.tokens();
            require(seen >= 4 && seen <= 7, "tokens that there never were");
            require(it.affords_retry() || it.tokens() <= 6, "enough tokens, and none afforded");
            return;
        }
        it.success();
        it.failure();
    }
    void check() const { require(it.tokens() == 5, "a success is lost, or counted twice"); }
};

} // namespace

scenario_list retry_budget_scenarios() {
    return {
        {"budget_loses_no_success", two, explore_one<budget_loses_no_success>},
        {"budget_is_cut_in_some_order", all, explore_one<budget_is_cut_in_some_order>},
        {"budget_ends_empty_in_some_order", all, explore_one<budget_ends_empty_in_some_order>},
        {"budget_counts_threads_without_a_shard", two, explore_one<budget_counts_threads_without_a_shard>},
        {"budget_is_looked_at", two, explore_one<budget_is_looked_at>},
    };
}

} // namespace race
