#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "naive_window.hpp"

#include <keel/call.hpp>
#include <keel/circuit.hpp>
#include <keel/sync/atomics.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <random>

namespace support {

/// A window of keel's on its own, fed as a closed circuit feeds it: successes by the healthy path where that takes
/// them.
template <class Window, class Atomics = keel::std_atomics>
class recorder {
  public:
    explicit recorder(keel::breaker_config<Window> c)
      : config(c) {}

    void record(bool failed, keel::time_point now = {}, std::uint64_t generation = 0) {
        keel::call c = at(now);
        if (failed || !counts.try_success(config.window, c))
            counts.record(config.window, c, generation, {failed, false});
    }
    void record(int times, bool failed, keel::time_point now = {}) {
        for (int i = 0; i < times; ++i)
            record(failed, now);
    }
    keel::judgement judge(keel::time_point now = {}, std::uint64_t generation = 0) const {
        keel::call c = at(now);
        return config.judge(counts, c, generation);
    }
    void start_over(keel::time_point now = {}) {
        keel::call c = at(now);
        counts.start_over(counts.so_far(config.window, c));
    }

    keel::breaker_config<Window> config;
    typename Window::template counts<Atomics> counts{};

  private:
    static keel::call at(keel::time_point now) {
        keel::call c;
        c.turn_at(now);
        return c;
    }
};

/// Records random results in `r` and in `model`, whose judgements are the same after every one. The share of failures
/// changes now and then, and so do the pauses, which are shorter than `longest_pause`.
template <class Window>
void judge_alike(recorder<Window>& r, naive_window& model, int results, std::uint64_t seed,
                 std::chrono::nanoseconds longest_pause = std::chrono::nanoseconds(0)) {
    INFO("seed ", seed);
    std::mt19937_64 random(seed);
    keel::time_point now(std::chrono::seconds(1000));
    std::uint64_t failing_percent = 50;
    int failing = 0;
    for (int i = 0; i < results; ++i) {
        if (random() % 100 == 0) failing_percent = random() % 101;
        if (longest_pause.count() > 0 && random() % 3 == 0)
            now += std::chrono::nanoseconds(random() % static_cast<std::uint64_t>(longest_pause.count()));
        const bool failed = random() % 100 < failing_percent;
        r.record(failed, now);
        model.record(now, failed);
        const keel::judgement expected = model.judge();
        failing += expected == keel::judgement::failing;
        REQUIRE_MESSAGE((r.judge(now) == keel::judgement::failing) == (expected == keel::judgement::failing),
                        "result " << i);
        if constexpr (Window::by_rate) REQUIRE_MESSAGE(r.judge(now) == expected, "result " << i);
    }
    // Else the run would have shown little.
    CHECK(failing > results / 20);
    CHECK(failing < results - results / 20);
}

} // namespace support
