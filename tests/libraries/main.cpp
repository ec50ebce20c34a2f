// SPDX-License-Identifier: BSL-1.0
// Two libraries of one process, each with keel's code in it: a thread has one slot, or two of them would share a shard
// that has room for one writer.

#include "library.hpp"

#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <thread>

namespace {

seen here() { return {keel::thread_slots::claim(), keel::cached_clock::now().time_since_epoch().count()}; }

} // namespace

TEST_CASE("libraries with hidden symbols and the program see one slot for a thread") {
    const std::uint32_t mine = here().slot;
    CHECK(first_library().slot == mine);
    CHECK(second_library().slot == mine);
}

TEST_CASE("two threads that meet keel in different libraries have different slots") {
    std::uint32_t first = 0, second = 0, first_again = 0;
    std::thread([&] {
        first = first_library().slot;
        std::thread([&] { second = second_library().slot; }).join();
        first_again = second_library().slot;
    }).join();
    CHECK(first != second);
    CHECK(first == first_again);
}

TEST_CASE("they see one cached time") {
    keel::cached_clock::update();
    const std::int64_t now = here().cached_time;
    CHECK(now != 0);
    CHECK(first_library().cached_time == now);
    CHECK(second_library().cached_time == now);
}
