// SPDX-License-Identifier: BSL-1.0

// Compiled once for each program whose files include it anyway, header by header.
// Without doctest: GCC 12 leaves out functions that its templates need then.

#include <keel/keel.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>
