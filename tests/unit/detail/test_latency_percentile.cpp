// SPDX-License-Identifier: BSL-1.0
#include "support/overtaken_atomics.hpp"

#include <keel/detail/latency_percentile.hpp>
#include <keel/duration.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

using namespace std::chrono_literals;
using keel::nanos;
using keel::detail::latency_percentile;

namespace {

/// By nearest rank.
std::int64_t exact_percentile(std::vector<std::int64_t> all, double p) {
    std::ranges::sort(all);
    return all[static_cast<std::size_t>(std::ceil(p * static_cast<double>(all.size()))) - 1];
}

template <class Percentile>
void count(Percentile& into, nanos latency, double p, unsigned times) {
    while (times-- > 0)
        into.count(latency, p);
}

/// Whether it says `exact`, or at most an eighth more.
bool is_about(nanos said, nanos exact) {
    return said.count > exact.count && said.count - exact.count <= exact.count / 8;
}

} // namespace

TEST_CASE("a percentile is known after 32 latencies, and looked at after each 32") {
    latency_percentile it;
    count(it, 1ms, 0.5, latency_percentile::look_after - 1);
    CHECK(it.value() < nanos(0));
    it.count(1ms, 0.5);
    CHECK(is_about(it.value(), 1ms));
    count(it, 10ms, 0.5, latency_percentile::look_after);
    CHECK(is_about(it.value(), 1ms));
    count(it, 10ms, 0.5, latency_percentile::look_after - 1);
    CHECK(is_about(it.value(), 1ms));
    it.count(10ms, 0.5);
    CHECK(is_about(it.value(), 10ms));
}

TEST_CASE("a percentile is that of the sorted latencies, or at most an eighth higher") {
    std::mt19937_64 random(5);
    for (const double p : {0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999}) {
        for (int round = 0; round < 20; ++round) {
            std::exponential_distribution<double> magnitude(0.2);
            latency_percentile it;
            std::vector<std::int64_t> all;
            while (all.size() < latency_percentile::halve_after) {
                const double latency = 1024 * std::exp(magnitude(random));
                all.push_back(static_cast<std::int64_t>(std::min(latency, 1e12)));
                it.count(nanos(all.back()), p);
                if (all.size() % latency_percentile::look_after != 0) continue;
                const std::int64_t exact = exact_percentile(all, p);
                INFO(p, " of ", all.size(), " is ", exact, " and not ", it.value().count);
                REQUIRE(is_about(it.value(), nanos(exact)));
            }
        }
    }
}

TEST_CASE("each bucket ends where the next one begins") {
    for (std::int64_t power = 1024; power < (std::int64_t{1} << 40); power *= 2) {
        for (std::int64_t eighth = 0; eighth < 8; ++eighth) {
            const std::int64_t begin = power + power / 8 * eighth, end = begin + power / 8;
            for (const std::int64_t latency : {begin, end - 1}) {
                latency_percentile it;
                count(it, nanos(latency), 0.5, latency_percentile::look_after);
                REQUIRE(it.value().count == end);
            }
        }
    }
}

TEST_CASE("what is shorter than a microsecond counts as that, and what is longer than 18 minutes as that") {
    for (const nanos shortest : {nanos::min(), nanos(-1), nanos(0), nanos(1023)}) {
        latency_percentile it;
        count(it, shortest, 0.5, latency_percentile::look_after);
        CHECK(it.value() == nanos(1024 + 128));
    }
    for (const nanos longest : {nanos(std::int64_t{1} << 40), nanos::max()}) {
        latency_percentile it;
        count(it, longest, 0.5, latency_percentile::look_after);
        CHECK(it.value() == nanos((std::int64_t{1} << 40) / 8 * 9));
    }
}

TEST_CASE("recent latencies outweigh older ones: a change of most of them shows within 1024") {
    latency_percentile it;
    count(it, 1ms, 0.5, 100 * latency_percentile::halve_after);
    // Half of the last 1024, a quarter of those before, and so on: 1024 in all.
    count(it, 20ms, 0.5, latency_percentile::halve_after - latency_percentile::look_after);
    CHECK(is_about(it.value(), 1ms));
    count(it, 20ms, 0.5, 2 * latency_percentile::look_after);
    CHECK(is_about(it.value(), 20ms));
    count(it, 1ms, 0.5, 2 * latency_percentile::halve_after);
    CHECK(is_about(it.value(), 1ms));
}

TEST_CASE("halving keeps the share of latencies that are alone in their bucket") {
    for (const bool far_up : {true, false}) {
        latency_percentile it;
        const double p = far_up ? 0.99 : 0.01;
        nanos alone = far_up ? 10ms : 2us;
        for (unsigned i = 1; i <= 5 * latency_percentile::halve_after; ++i) {
            if (i % 50 == 0) {
                alone = nanos(alone.count / 8 * 9);
                if (i % 1000 == 0) alone = far_up ? 10ms : 2us;
                it.count(alone, p);
            } else {
                it.count(1ms, p);
            }
            if (i % latency_percentile::look_after == 0 && i > 100) REQUIRE((it.value() < nanos(1ms)) == !far_up);
        }
    }
}

TEST_CASE("its count of latencies wraps without a trace") {
    latency_percentile it;
    count(it, 1ms, 0.5, 65'536 - latency_percentile::look_after);
    CHECK(is_about(it.value(), 1ms));
    count(it, 20ms, 0.5, latency_percentile::halve_after - latency_percentile::look_after);
    CHECK(is_about(it.value(), 1ms));
    count(it, 20ms, 0.5, 2 * latency_percentile::look_after);
    CHECK(is_about(it.value(), 20ms));
}

TEST_CASE("what is counted while the counts are halved is kept") {
    keel::detail::basic_latency_percentile<support::overtaken_atomics<support::exchanges::weak>> it;
    // Right before the first bucket is halved, which nobody else counts in.
    support::meanwhile = [&] { count(it, nanos(0), 0.5, 10 * latency_percentile::look_after); };
    count(it, 1ms, 0.5, latency_percentile::halve_after);
    CHECK(!support::meanwhile);
    CHECK(is_about(it.value(), 1ms));
    // Of those half are there, 160, and 512 of the longer ones.
    count(it, nanos(0), 0.5, 10 * latency_percentile::look_after);
    CHECK(is_about(it.value(), 1ms));
    count(it, nanos(0), 0.5, latency_percentile::look_after);
    CHECK(it.value() == nanos(1024 + 128));
}
