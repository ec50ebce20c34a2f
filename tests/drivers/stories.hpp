#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "story.hpp"

#include <vector>

namespace drivers {

// The table, in as many files as take equally long to compile.

std::vector<story> stories_of_timeouts();
std::vector<story> stories_of_retries();
std::vector<story> stories_of_circuits();
std::vector<story> stories_of_probes();
std::vector<story> stories_of_permits();
std::vector<story> stories_of_rates();
std::vector<story> stories_of_answers();

/// Longer chains whose configuration is drawn by the seed. Nothing happens there yet.
std::vector<story> stages();

} // namespace drivers
