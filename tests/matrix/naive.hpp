#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "kinds.hpp"
#include "settings.hpp"
#include "world.hpp"

#include <cstdint>
#include <memory>

namespace matrix {

/// A chain as one would explain it: every policy runs what is inside it as a function. Knows no lanes. Its policies
/// draw from a source that begins at `draws`.
std::unique_ptr<side> naive_side(const order& chain, const settings* of_each, world& w, std::uint64_t draws);

} // namespace matrix
