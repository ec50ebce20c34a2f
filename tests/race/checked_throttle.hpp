#pragma once
// SPDX-License-Identifier: BSL-1.0

// What a throttle counts, under a checker.

#include "checked_circuit.hpp"

#include <keel/call.hpp>
#include <keel/clock/clock.hpp>
#include <keel/detail/acceptance.hpp>
#include <keel/random.hpp>
#include <keel/throttle.hpp>

#include <cstdint>

namespace race {

/// One request of two is to be accepted, of those of the last two buckets.
template <class Atomics = checked_atomics>
struct throttle_world {
    static constexpr int threads = 2;
    static constexpr std::int64_t length = 10;

    throttle_world() { advance(1000 - now()); }
    keel::time_point begin() {
        keel::thread_random().seed(1); // each execution of a replay draws the same
        keel::call c{keel::clock_ref(clock)};
        if (!it.try_request(config, c)) static_cast<void>(it.request(config, c));
        return c.now();
    }
    void accept(keel::time_point began) {
        if (!it.try_accept(config, began)) it.accept(config, began);
    }
    void fail() { it.evaluate(config, clock.now()); }

    keel::throttle_config config{.k = 2, .span = keel::nanos(2 * length)};
    virtual_clock clock;
    keel::detail::acceptance<keel::throttle_config, 2, 2, Atomics> it;
    std::uint64_t ghost = 0;
};

template <class Atomics = checked_atomics>
struct failures_at_once_with : throttle_world<Atomics> {
    failures_at_once_with() { this->accept(this->begin()); }
    void run(int) {
        this->begin();
        this->fail();
    }
    void check() { require(this->it.probability() == 0.25, "a request that failed is not among those evaluated"); }
};

} // namespace race
