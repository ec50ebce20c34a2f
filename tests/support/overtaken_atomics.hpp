#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/sync/atomics.hpp>

#include <atomic>
#include <concepts>
#include <functional>
#include <utility>

namespace support {

/// Between a look at a word and its exchange somebody else may be quicker. Here that is part of the test: what this
/// says happens once, right before the next exchange by the atomics below, on the same thread.
inline std::function<void()> meanwhile;

enum class exchanges { weak, strong };

/// As `Base`, overtaken in one kind of its compare-exchanges. The weak ones do not fail for no reason.
template <exchanges Overtaken, class Base = keel::std_atomics>
struct overtaken_atomics : Base {
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        bool compare_exchange_weak(T& seen, T next, std::same_as<std::memory_order> auto... orders) noexcept {
            if (Overtaken == exchanges::weak) act();
            return std::atomic<T>::compare_exchange_strong(seen, next, orders...);
        }
        bool compare_exchange_strong(T& seen, T next, std::same_as<std::memory_order> auto... orders) noexcept {
            if (Overtaken == exchanges::strong) act();
            return std::atomic<T>::compare_exchange_strong(seen, next, orders...);
        }
    };

  private:
    static void act() {
        if (meanwhile) std::exchange(meanwhile, nullptr)();
    }
};

} // namespace support
