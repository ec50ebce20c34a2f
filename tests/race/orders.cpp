// SPDX-License-Identifier: BSL-1.0

// Why each memory order of keel's circuit is what it is: one operation at a time is made weaker, and every scenario
// runs again. Prints which scenario fails then; where none does, the order is not justified by what is tested here.

#include "explorer.hpp"
#include "scenarios.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

using std::memory_order;

const char* name(memory_order o) {
    switch (o) {
    case memory_order::relaxed:
        return "relaxed";
    case memory_order::consume:
        return "consume";
    case memory_order::acquire:
        return "acquire";
    case memory_order::release:
        return "release";
    case memory_order::acq_rel:
        return "acq_rel";
    case memory_order::seq_cst:
        return "seq_cst";
    }
    return "?";
}

std::vector<memory_order> weaker_than(memory_order o) {
    if (o == memory_order::seq_cst) return {memory_order::acq_rel, memory_order::relaxed};
    if (o == memory_order::acq_rel) return {memory_order::acquire, memory_order::release, memory_order::relaxed};
    return {memory_order::relaxed};
}

// Explained: no scenario can tell, and why the order stays. Everything else that survives is an error.
struct explanation {
    const char* file;
    const char* function;
    memory_order given, to;
    const char* why;
};
#include "survivors.inc"

const char* explained(const race::site& s, memory_order to) {
    const std::string file = s.file;
    for (const explanation& e : survivors)
        if (file.ends_with(e.file) && std::strstr(s.function, e.function) != nullptr && e.given == s.given &&
            e.to == to)
            return e.why;
    return nullptr;
}

} // namespace

int main() {
    // A scenario that takes more is a smaller one with more threads.
    constexpr std::uint64_t most = 35'000;
    // Once as it is, to learn the sites, what each scenario takes and which of them it executes.
    struct tried {
        const race::scenario* scenario;
        unsigned long long cost;
        std::vector<bool> executes;
    };
    std::vector<tried> by_cost;
    const auto& all = race::explorer::the().sites();
    const race::scenario_list scenarios = race::scenarios();
    for (const race::scenario& s : scenarios) {
        std::vector<std::uint64_t> before;
        for (const auto& at : all)
            before.push_back(at->executed);
        race::limits within = s.within;
        within.executions = most;
        const race::report r = s.explore(within, {}, "");
        if (!r) return std::printf("%s fails as it is\n", s.name), 1;
        tried t{&s, r.executions, {}};
        for (std::size_t i = 0; i < all.size(); ++i)
            t.executes.push_back(i >= before.size() || all[i]->executed != before[i]);
        if (r.complete) by_cost.push_back(t);
    }
    std::sort(by_cost.begin(), by_cost.end(), [](const tried& x, const tried& y) { return x.cost < y.cost; });
    int killed = 0, kept = 0, unexplained = 0;
    const std::size_t sites = all.size();
    for (std::size_t i = 0; i < sites; ++i) {
        const race::site& at = *all[i];
        const char* file = std::strstr(at.file, "keel/") != nullptr ? std::strstr(at.file, "keel/") : at.file;
        for (const memory_order to : weaker_than(at.given)) {
            std::string killer;
            bool in_full = true;
            for (const auto& [s, cost, executes] : by_cost) {
                if (i >= executes.size() || !executes[i]) continue;
                race::limits within = s->within;
                within.executions = 10 * cost + 10'000;
                const race::report r = s->explore(within, {&at, to}, "");
                in_full = in_full && (!r || r.complete);
                if (r) continue;
                killer = std::string(s->name) + ": " + r.failure;
                break;
            }
            const char* why = in_full ? explained(at, to) : "SURVIVES a search that was cut short";
            std::printf("%s:%u:%u%s  %s -> %s  %s\n", file, at.line, at.column, at.second ? " (failure)" : "",
                        name(at.given), name(to),
                        !killer.empty()  ? killer.c_str()
                        : why != nullptr ? why
                                         : "SURVIVES");
            std::fflush(stdout);
            if (!killer.empty())
                ++killed;
            else if (why != nullptr)
                ++kept;
            else
                ++unexplained;
        }
    }
    std::printf("%zu operations that are not relaxed; of their weakenings %d are found and %d kept for a reason\n",
                sites, killed, kept);
    std::printf("%d passed, %d failed\n", killed + kept, unexplained);
    return unexplained == 0 ? 0 : 1;
}
