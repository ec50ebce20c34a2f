#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <thread>
#include <vector>

/// `work(t)` for each t below `threads`, by a thread of its own; returns when all have ended.
template <class Work>
void by_threads(unsigned threads, const Work& work) {
    std::vector<std::jthread> running;
    for (unsigned t = 0; t < threads; ++t)
        running.emplace_back([&work, t] { work(t); });
}
