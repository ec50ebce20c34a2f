#pragma once
// SPDX-License-Identifier: BSL-1.0

// What a search is asked for, and what it says: the same whichever checker searches.

#include <atomic>
#include <cstdint>
#include <string>

namespace race {

using order = std::memory_order;

struct limits {
    int preemptions = -1;       ///< -1: no bound
    int spurious = 0;           ///< failures of weak compare-exchanges for no reason, in one execution
    std::uint64_t steps = 2000; ///< of one execution; more is a thread that is stuck
    std::uint64_t executions = 20'000'000;
    bool reduced = true; ///< false: every interleaving and every operation, to compare with
};

struct report {
    std::string failure; ///< empty where there is none
    std::string replay;  ///< [count]thread[which store, 0 the latest] ...
    std::uint64_t executions = 0;
    std::uint64_t states = 0;
    bool complete = false; ///< all that the limits allow has been seen
    explicit operator bool() const noexcept { return failure.empty(); }
};

/// An operation that is not relaxed. `second`: the order of a compare-exchange that fails.
struct site {
    const char* file;
    unsigned line, column;
    bool second;
    order given;
    const char* function;
    std::uint64_t executed = 0;
};

/// Makes every operation of one site weaker.
struct weakening {
    const site* at = nullptr;
    order to = order::relaxed;
};

} // namespace race
