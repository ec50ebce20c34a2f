#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "story.hpp"

#include <cstdint>

namespace drivers {

/// Other things that happen around the chain of a story, drawn by a seed; nothing is expected of them. Where calls are
/// parts of others `with_parts` says so: a ticket has no context to hand on retries by.
story made_up(const story& around, std::uint64_t seed, bool with_parts);

} // namespace drivers
