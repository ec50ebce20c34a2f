// SPDX-License-Identifier: BSL-1.0
#include <keel/detail/adaptive_permits.hpp>
#include <keel/limit.hpp>
#include <keel/sync/atomics.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <utility>

namespace {
/// What it says happens right before the next addition, on the same thread.
std::function<void()> before_addition;

struct atomics : keel::std_atomics {
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        T fetch_add(T by, std::memory_order order) noexcept {
            if (before_addition) std::exchange(before_addition, nullptr)();
            return std::atomic<T>::fetch_add(by, order);
        }
    };
};
} // namespace

TEST_CASE("of two who ask at once for the last permit of a limit, one gets it, and the other leaves no trace") {
    keel::limit_config<> config{};
    config.initial = 1;
    keel::detail::adaptive_permits<keel::limit_config<>, atomics> permits(config);
    before_addition = [&] { CHECK(permits.try_take()); };
    CHECK(!permits.try_take());
    CHECK(permits.in_flight() == 1);
    permits.give_back();
    CHECK(permits.in_flight() == 0);
    CHECK(permits.try_take());
}
