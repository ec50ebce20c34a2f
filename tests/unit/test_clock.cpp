// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <doctest/doctest.h>

using namespace std::chrono_literals;

TEST_CASE("a manual clock is shared by its copies, and its sleeps advance it at once") {
    keel::manual_clock clock;
    const keel::manual_clock copy = clock;
    clock.advance(5s);
    CHECK(copy.now().time_since_epoch() == 5s);
    copy.sleep_until(keel::time_point(9s));
    CHECK(clock.now().time_since_epoch() == 9s);
    copy.sleep_until(keel::time_point(1s));
    CHECK(clock.now().time_since_epoch() == 9s);
}

TEST_CASE("the cached clock stands still until it is updated, and never goes back") {
    const auto before = keel::steady_clock::now();
    const auto told = keel::cached_clock::update();
    CHECK(keel::cached_clock::now() == told);
    CHECK(told >= before);
    CHECK(keel::cached_clock::now() == told);
}

TEST_CASE("a ticker has updated the cached clock when it is made") {
    const auto before = keel::steady_clock::now();
    const keel::ticker t{1ms};
    CHECK(keel::cached_clock::now() >= before);
}

TEST_CASE("every real clock counts from the epoch of the steady clock") {
    const auto low = keel::steady_clock::now() - 100ms;
    CHECK(keel::coarse_clock::now() > low);
    CHECK(keel::coarse_clock::now() <= keel::steady_clock::now());
    if (!keel::tsc_clock::is_supported()) {
        CHECK_THROWS_AS(keel::tsc_clock{}, std::system_error);
        return;
    }
    const keel::tsc_clock tsc;
    CHECK(tsc.now() > low);
    CHECK(tsc.now() < keel::steady_clock::now() + 100ms);
    const auto a = tsc.now(), b = tsc.now();
    CHECK(a <= b);
}

TEST_CASE("real clocks reach the time that they sleep until") {
    const auto soon = [](const auto& clock) {
        const auto until = clock.now() + 1us;
        clock.sleep_until(until);
        return clock.now() >= until;
    };
    CHECK(soon(keel::steady_clock{}));
    CHECK(soon(keel::coarse_clock{}));
    CHECK(soon(keel::cached_clock{}));
    if (keel::tsc_clock::is_supported()) CHECK(soon(keel::tsc_clock{}));
}
