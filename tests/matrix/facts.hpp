#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "subject.hpp"

#include <string>

namespace matrix {

/// What a row of docs/composition.md says of a pair of policies besides its meaning: what `strict` says, and what ten
/// calls come to that fail, are late, or come at once. Joined by "; ".
std::string facts_of(const entry& pair);

/// What of these calls goes beyond what `explain` says of the pair; empty if nothing does.
std::string unexplained(const entry& pair);

} // namespace matrix
