// SPDX-License-Identifier: BSL-1.0

// That a limit lets in no more than it allows, loses no permit, and is set by one thread at a time.

#include "scenarios.hpp"

#include "checked_circuit.hpp"

#include <keel/config.hpp>
#include <keel/detail/adaptive_permits.hpp>
#include <keel/limit.hpp>

#include <cstdint>

namespace race {
namespace {

constexpr limits all{};

/// The limit says how often it was set: by what one thread left to the next, in tens, and by what none can miss.
struct counting {
    struct memory {
        atomic<std::uint64_t> left{0}, sure{0};
    };
    static constexpr bool uses_latency = false;
    double next(memory& m, double, const keel::limit_window&) const noexcept {
        const std::uint64_t n = m.left.load(order::relaxed) + 1;
        m.left.store(n, order::relaxed);
        const std::uint64_t sure = m.sure.fetch_add(1, order::relaxed) + 1;
        return static_cast<double>(10 * n + sure);
    }
    constexpr void check(keel::detail::checker&) const noexcept {}
};

/// Two permits, one window that has begun.
template <int Threads>
struct limit_world {
    static constexpr int threads = Threads;
    static constexpr std::int64_t window = 10;

    limit_world() { advance(1000 - now()); }
    void end_call() { it.settle(config, clock.now(), keel::nanos(0), false); }
    void begin_window() {
        require(it.try_take(), "no permit though none is out");
        end_call();
        advance(window);
    }

    keel::limit_config<counting> config{.initial = 2, .window = keel::nanos(window), .minimum_calls = 1};
    virtual_clock clock;
    keel::detail::adaptive_permits<keel::limit_config<counting>, checked_atomics, 2> it{config};
    std::uint64_t ghost = 0;
};

// Two permits and three calls.
struct no_more_than_allowed : limit_world<3> {
    void run(int) {
        if (!it.try_take()) return;
        ++ghost;
        require((ghost & 0xff) <= 2, "more are let in than the limit allows");
        boundary(ghost, 0);
        ghost += 0x100 - 1; // how many were let in
        it.give_back();
    }
    void check() {
        require(it.in_flight() == 0, "a permit is lost");
        require(it.limit() == 2, "the limit is not what it was");
        require(ghost >> 8 >= 2, "two permits, and not two were let in");
    }
};

// Two calls end when a window is over.
struct window_ends_once : limit_world<2> {
    window_ends_once() { begin_window(); }
    void run(int) {
        require(it.try_take(), "no permit though one is free");
        end_call();
    }
    void check() {
        require(it.limit() == 11, "a window ended twice, or not at all");
        require(it.in_flight() == 0, "a permit is lost");
    }
};

// One after the other: who sets the limit knows what the one before remembered.
struct windows_in_turn : limit_world<2> {
    windows_in_turn() { begin_window(); }
    void run(int i) {
        if (i == 1) advance(window);
        require(it.try_take(), "no permit though one is free");
        end_call();
    }
    void check() {
        require(it.limit() == 11 || it.limit() == 22, "what one remembered is lost to the next");
        require(it.in_flight() == 0, "a permit is lost");
    }
};

// A limit is set while others take permits and give them back, told or not.
struct set_beside_calls : limit_world<3> {
    set_beside_calls() { begin_window(); }
    void run(int i) {
        if (!it.try_take()) return;
        if (i == 0)
            end_call();
        else if (i == 1 && it.try_succeed(clock.now(), keel::nanos(0)))
            ++ghost;
        else
            it.give_back();
    }
    void check() {
        require(it.limit() == 11 || it.limit() == 2, "the limit is not what was set");
        require(it.in_flight() == 0, "a permit is lost");
    }
};

} // namespace

scenario_list limit_scenarios() {
    return {
        {"limit_no_more_than_allowed", all, explore_one<no_more_than_allowed>},
        {"limit_window_ends_once", all, explore_one<window_ends_once>},
        {"limit_windows_in_turn", all, explore_one<windows_in_turn>},
        {"limit_set_beside_calls", all, explore_one<set_beside_calls>},
    };
}

} // namespace race
