// SPDX-License-Identifier: BSL-1.0

// Never more permits than come, none lost, and who gets none learns when to come.

#include "checked_rate.hpp"
#include "scenarios.hpp"

#include <keel/rate/fixed_window.hpp>
#include <keel/rate/gcra.hpp>

namespace race {
namespace {

constexpr limits all{}, twice_spurious{.spurious = 2};

using keel::fixed_window;
using keel::gcra;

} // namespace

scenario_list rate_scenarios() {
    return {
        {"gcra_lets_two_of_three_through", twice_spurious, explore_one<two_of_three<gcra, rate_atomics, true>>},
        {"gcra_reserves_two_of_three", twice_spurious, explore_one<two_of_three<gcra, rate_atomics, false>>},
        {"gcra_permit_comes_meanwhile", twice_spurious, explore_one<one_comes_meanwhile<gcra, rate_atomics>>},
        {"gcra_each_waits_for_its_own", twice_spurious, explore_one<each_waits_for_its_own<gcra, rate_atomics>>},
        {"gcra_one_gives_back", all, explore_one<one_gives_back<gcra, rate_atomics>>},
        {"window_lets_two_of_three_through", twice_spurious,
         explore_one<two_of_three<fixed_window, rate_atomics, true>>},
        {"window_reserves_two_of_three", twice_spurious, explore_one<two_of_three<fixed_window, rate_atomics, false>>},
        {"window_permit_comes_meanwhile", twice_spurious, explore_one<one_comes_meanwhile<fixed_window, rate_atomics>>},
        {"window_late_at_the_edge", twice_spurious, explore_one<late_at_the_edge<rate_atomics>>},
        {"window_each_waits_for_its_own", twice_spurious,
         explore_one<each_waits_for_its_own<fixed_window, rate_atomics>>},
        {"window_one_gives_back", all, explore_one<one_gives_back<fixed_window, rate_atomics>>},
    };
}

} // namespace race
