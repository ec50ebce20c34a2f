#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "story.hpp"
#include "world.hpp"

#include <string>

namespace drivers {

/// What of a story came otherwise than it says; empty if nothing did.
std::string difference(const story& expected, const seen&);

/// What two drivers have done otherwise; empty if nothing.
std::string difference(const seen& one, const seen& other);

} // namespace drivers
