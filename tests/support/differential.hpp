#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "naive_window.hpp"
#include "results.hpp"
#include "seed.hpp"

#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <random>

namespace support {

/// One window of keel's, the same window written down naively, and how time passes between its results.
template <class Window>
struct trial {
    keel::breaker_config<Window> config;
    naive_window model;
    std::chrono::nanoseconds longest_pause{0};
};

/// Uniform in [low, high].
inline int draw(std::mt19937_64& random, int low, int high) {
    return low + static_cast<int>(random() % static_cast<std::uint64_t>(high - low + 1));
}
inline double draw_rate(std::mt19937_64& random) { return draw(random, 1, 100) / 100.0; }

/// Feeds random results to a pipeline and to the model side by side. After each of them the circuit is open exactly if
/// the model is failing; then it is brought back to closed, and the model forgets. Both lanes take part.
template <class Window>
void run_beside_model(std::mt19937_64& random, trial<Window> t, int results) {
    t.config.open_for = std::chrono::seconds(1);
    t.config.half_open_calls = 1;
    keel::manual_clock clock;
    clock.set(keel::time_point(std::chrono::seconds(1000)));
    keel::pipeline p{keel::breaker<Window>(t.config), clock};
    int failing_percent = draw(random, 0, 100);
    for (int i = 0; i < results; ++i) {
        if (draw(random, 1, 200) == 1) failing_percent = draw(random, 0, 100);
        if (t.longest_pause.count() > 0 && draw(random, 1, 3) == 1)
            clock.advance(std::chrono::nanoseconds(random() % static_cast<std::uint64_t>(t.longest_pause.count())));
        const bool failed = draw(random, 1, 100) <= failing_percent;
        static_cast<void>(p(failed ? bad : good));
        t.model.record(clock.now(), failed);
        const bool trips = t.model.judge() == keel::judgement::failing;
        REQUIRE_MESSAGE((p.circuit().state() == keel::circuit_state::open) == trips, "result " << i);
        if (!trips) continue;
        clock.advance(t.config.open_for);
        static_cast<void>(p(good));
        REQUIRE_MESSAGE(p.circuit().state() == keel::circuit_state::closed, "result " << i);
        t.model.held.clear();
    }
}

/// `rounds` trials that `make(random)` makes up. A failure prints the seed of its round; `KEEL_SEED=n` begins with it.
template <class Make>
void differ_in_no_result(int rounds, int results, Make make) {
    const std::uint64_t first = first_seed();
    for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(rounds); ++seed) {
        INFO("KEEL_SEED=", seed);
        std::mt19937_64 random(seed);
        run_beside_model(random, make(random), results);
    }
}

} // namespace support
