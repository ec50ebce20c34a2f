#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "report.hpp"

#include <string>
#include <vector>

namespace race {

struct scenario {
    const char* name; ///< what reports refer to
    limits within;
    report (*explore)(const limits&, weakening, const std::string& script);
};
using scenario_list = std::vector<scenario>;

// keel's real circuit, under every interleaving of a few threads. Each says what must hold; where keel promises a
// figure up to the calls in flight, that is the bound that it asserts.
scenario_list probe_scenarios();
scenario_list trip_scenarios();
scenario_list window_scenarios();
scenario_list overdue_scenarios();
scenario_list stats_scenarios();
scenario_list wrap_scenarios();
// And its rate limiters.
scenario_list rate_scenarios();
scenario_list throttle_scenarios();
scenario_list limit_scenarios();
// And the permits of a bulkhead.
scenario_list permit_scenarios();
// And the tokens of a retry budget.
scenario_list retry_budget_scenarios();
// And what keeps cancellations and coroutines apart.
scenario_list section_scenarios();

/// All of them.
inline scenario_list scenarios() {
    scenario_list all;
    for (const auto& some : {probe_scenarios(), trip_scenarios(), window_scenarios(), overdue_scenarios(),
                             stats_scenarios(), wrap_scenarios(), rate_scenarios(), throttle_scenarios(),
                             limit_scenarios(), permit_scenarios(), retry_budget_scenarios(), section_scenarios()})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

} // namespace race
