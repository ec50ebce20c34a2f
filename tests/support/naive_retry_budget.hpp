#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <algorithm>
#include <cstdint>

namespace support {

/// A retry budget as gRFC A6 explains it, in thousandths of a token: everything is done when it happens.
struct naive_retry_budget {
    std::int64_t most;   ///< in thousandths
    std::int64_t earned; ///< by a success, in thousandths
    std::int64_t tokens = most;

    void success() { tokens = std::min(most, tokens + earned); }
    bool failure() {
        tokens = std::max(std::int64_t{0}, tokens - 1000);
        return affords_retry();
    }
    bool affords_retry() const { return tokens * 2 > most; }
};

} // namespace support
