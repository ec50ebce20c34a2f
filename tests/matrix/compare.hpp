#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "kinds.hpp"
#include "subject.hpp"

#include <cstdint>
#include <string>

namespace matrix {

/// What is wrong with a chain of keel's in one round of calls, beside the model of `as`; empty if nothing is.
std::string difference(const entry& tested, const order& as, std::uint64_t seed);

} // namespace matrix
