// SPDX-License-Identifier: BSL-1.0
#include "support/flights.hpp"
#include "support/naive_limit.hpp"
#include "support/seed.hpp"

#include <keel/limit.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

using namespace std::chrono_literals;

// Random calls that overlap, beside a limit as one would explain it.

namespace {

template <class Strategy>
keel::limit_config<Strategy> made_up(std::mt19937_64& random) {
    const auto draw = [&](int low, int high) { return low + static_cast<int>(random() % unsigned(high - low + 1)); };
    keel::limit_config<Strategy> c{.min = draw(1, 3)};
    c.initial = draw(c.min, 12);
    c.max = draw(c.initial, 20);
    c.window = keel::nanos(draw(1, 100));
    c.minimum_calls = draw(1, 8);
    c.failure_rate = draw(0, 4) / 8.0;
    if constexpr (std::same_as<Strategy, keel::gradient>) c.strategy.probe_every = draw(4, 20);
    return c;
}

template <class Strategy, bool Express>
void run_beside_model(std::uint64_t seed, int operations) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    const auto config = made_up<Strategy>(random);
    support::flights<keel::limit_policy<Strategy>, Express> p{keel::limit<Strategy>(config)};
    support::naive_limit<Strategy> model{.config = config};
    struct one {
        typename decltype(p)::flight flight;
        std::int64_t began;
    };
    std::vector<one> out;
    std::uint64_t failing = 0, crowd = 20;
    int refused = 0, changes = 0;
    for (int i = 0; i < operations; ++i) {
        if (below(200) == 0) failing = below(4) * below(4) * 5, crowd = 1 + below(25);
        if (below(3) == 0) p.clock.advance(std::chrono::nanoseconds(below(below(100) == 0 ? 1000 : 12)));
        const std::int64_t now = p.clock.now().time_since_epoch().count();
        const int before = model.allowed();
        if (out.size() < crowd && below(2) == 0) {
            const auto f = p.begin();
            REQUIRE_MESSAGE(f.has_value() == model.begin(), "operation " << i);
            if (f)
                out.push_back({*f, now});
            else
                ++refused;
        } else if (!out.empty()) {
            const std::size_t which = below(out.size());
            one ending = out[which];
            out.erase(out.begin() + static_cast<std::ptrdiff_t>(which));
            if (below(10) == 0) {
                if (below(2) == 0)
                    p.drop(ending.flight);
                else
                    p.ignore(ending.flight);
                --model.inside;
            } else {
                const bool fails = below(100) < failing;
                if (fails)
                    p.fail(ending.flight);
                else
                    p.succeed(ending.flight);
                model.end(now, now - ending.began, fails);
            }
        }
        changes += model.allowed() != before;
        REQUIRE_MESSAGE(p.state.limit() == static_cast<unsigned>(model.allowed()), "operation " << i);
        REQUIRE_MESSAGE(p.state.in_flight() == static_cast<unsigned>(model.inside), "operation " << i);
        REQUIRE_MESSAGE(p.state.latency().count == model.latency, "operation " << i);
    }
    for (one& each : out)
        p.drop(each.flight);
    CHECK(p.state.in_flight() == 0);
    // Else the run would have shown little.
    CHECK((changes > 0 || config.min == config.max || config.initial == config.max));
    CHECK(refused > 0);
}

constexpr std::uint64_t rounds = support::is_slow_build ? 10 : 60;

} // namespace

TEST_CASE_TEMPLATE("a limit does what the naive limit does, whatever overlaps", Strategy, keel::aimd, keel::gradient) {
    for (std::uint64_t seed = support::first_seed(); seed < support::first_seed() + rounds; ++seed) {
        INFO("KEEL_SEED=", seed);
        run_beside_model<Strategy, true>(seed, 5000);
        run_beside_model<Strategy, false>(seed, 5000);
    }
}
