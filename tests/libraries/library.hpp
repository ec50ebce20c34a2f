#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <cstdint>

/// What a library of its own finds of keel's state: of the thread that asks, and of the process.
struct seen {
    std::uint32_t slot;
    std::int64_t cached_time;
};

extern "C" {
[[gnu::visibility("default")]] seen first_library();
[[gnu::visibility("default")]] seen second_library();
}
