#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "checked_atomics.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace race {

/// A bug that a checker must find, and the same without it, where it must find nothing.
struct seeded_bug {
    const char* name;
    report (*with)(const limits&, weakening, const std::string& script);
    report (*without)(const limits&, weakening, const std::string& script);
};
using seeded_list = std::vector<seeded_bug>;

/// `World` takes its bug as an argument, of an enumeration that has `none`.
template <auto Bug, template <decltype(Bug)> class World>
seeded_bug seed(const char* name) {
    return {name, explore_one<World<Bug>>, explore_one<World<decltype(Bug)::none>>};
}

/// What the threads of such a world have seen.
struct notes {
    std::uint64_t n[4]{};
};

seeded_list breaker_bugs();
seeded_list part_bugs();
seeded_list keel_bugs();
seeded_list rate_bugs();
seeded_list permit_bugs();
seeded_list retry_budget_bugs();
seeded_list section_bugs();

inline seeded_list seeded_bugs() {
    seeded_list all;
    for (const auto& some :
         {breaker_bugs(), part_bugs(), keel_bugs(), rate_bugs(), permit_bugs(), retry_budget_bugs(), section_bugs()})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

} // namespace race
