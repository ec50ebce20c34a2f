#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "explorer.hpp"

#include <string>
#include <vector>

namespace race {

struct scenario {
    const char* name;
    limits within;
    report (*explore)(const limits&, weakening, const std::string& script);
};

/// What holds.
const std::vector<scenario>& scenarios();

/// What does not, each with the way in which it fails: known limits of keel, or defects that wait to be mended.
const std::vector<scenario>& findings();

} // namespace race
