// SPDX-License-Identifier: BSL-1.0
#include "support/flights.hpp"
#include "support/naive_throttle.hpp"
#include "support/seed.hpp"

#include <keel/random.hpp>
#include <keel/throttle.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

using namespace std::chrono_literals;

// Random calls that overlap, beside a throttle as one would explain it; and throttles beside servers of a known
// capacity, in virtual time.

namespace {

template <bool Express>
void run_beside_model(std::uint64_t seed, int operations) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t n) { return random() % n; };
    const double ks[] = {1, 1.1, 2, 3.5};
    keel::throttle_config config{.k = ks[below(4)], .span = keel::nanos(static_cast<std::int64_t>(20 + 20 * below(6)))};
    support::flights<keel::throttle_policy<>, Express> p{keel::throttle(config)};
    support::naive_throttle model{.k = config.k, .bucket_length = config.span.count / 20, .buckets = 20};
    struct one {
        typename decltype(p)::flight flight;
        std::size_t number;
    };
    std::vector<one> out;
    std::uint64_t failing = below(101);
    int refused = 0, granted = 0;
    const auto now = [&] { return p.clock.now().time_since_epoch().count(); };
    for (int i = 0; i < operations; ++i) {
        if (below(100) == 0) failing = below(101);
        if (below(4) == 0) p.clock.advance(std::chrono::nanoseconds(below(below(50) == 0 ? 300 : 4)));
        if (out.size() < 6 && below(2) == 0) {
            const std::uint64_t draw = random();
            keel::thread_random().seed(draw);
            auto f = p.begin();
            const auto expected = model.begin(now(), [&] { return keel::random_source(draw).unit(); });
            REQUIRE_MESSAGE(f.has_value() == expected.has_value(), "operation " << i);
            (f ? granted : refused) += 1;
            if (f) out.push_back({*f, *expected});
        } else if (!out.empty()) {
            const std::size_t which = below(out.size());
            one ending = out[which];
            out.erase(out.begin() + static_cast<std::ptrdiff_t>(which));
            support::naive_throttle::request* r = model.find(ending.number);
            if (below(10) == 0) {
                if (below(2) == 0)
                    p.drop(ending.flight);
                else
                    p.ignore(ending.flight);
                if (r != nullptr) r->withdrawn = true;
            } else if (below(100) < failing) {
                p.fail(ending.flight);
                model.evaluate(now());
            } else {
                p.succeed(ending.flight);
                if (r != nullptr) r->accepted = true;
            }
        }
        REQUIRE_MESSAGE(p.state.stats().probability == doctest::Approx(model.probability), "operation " << i);
    }
    // Else the run would have shown little.
    CHECK(granted > operations / 50);
    CHECK(refused > operations / 1000);
}

constexpr std::uint64_t rounds = support::is_slow_build ? 10 : 60;

/// Requests come evenly, 100 a second. The server takes `capacity` of them a second, now and then more of those that it
/// has not had, and turns the others away at once.
struct overload {
    support::flights<keel::throttle_policy<>> client;
    double room = 0;

    explicit overload(const keel::throttle_config& c)
      : client(keel::throttle(c)) {
        keel::thread_random().seed(42);
    }
    struct seen {
        int sent = 0, accepted = 0;
    };
    seen run(std::chrono::seconds time, double capacity) {
        seen s;
        for (std::int64_t i = 0; i < 100 * time.count(); ++i) {
            room = std::min(room + capacity / 100, 5 * capacity);
            client.clock.advance(10ms);
            auto f = client.begin();
            if (!f) continue;
            ++s.sent;
            if (room >= 1) {
                room -= 1;
                ++s.accepted;
                client.succeed(*f);
            } else {
                client.fail(*f);
            }
        }
        return s;
    }
};

} // namespace

TEST_CASE("a throttle does what the naive throttle does, whatever overlaps") {
    for (std::uint64_t seed = support::first_seed(); seed < support::first_seed() + rounds; ++seed) {
        INFO("KEEL_SEED=", seed);
        run_beside_model<true>(seed, 5000);
        run_beside_model<false>(seed, 5000);
    }
}

TEST_CASE("an overloaded server gets k times what it accepts") {
    for (const double k : {1.5, 2.0, 3.0}) {
        for (const double capacity : {2.0, 10.0, 30.0}) {
            overload o({.k = k, .span = 20s});
            static_cast<void>(o.run(600s, capacity));
            const overload::seen s = o.run(200s, capacity);
            CHECK(s.accepted == doctest::Approx(200 * capacity).epsilon(0.05));
            CHECK(s.sent == doctest::Approx(k * s.accepted).epsilon(0.05));
        }
    }
}

TEST_CASE("a server that bears a request in k gets all of them") {
    overload o({.span = 20s});
    static_cast<void>(o.run(60s, 52));
    CHECK(o.run(100s, 52).sent == 10'000);
}

TEST_CASE("a server that comes back gets all requests again") {
    overload o({.span = 20s});
    static_cast<void>(o.run(60s, 100));
    static_cast<void>(o.run(15s, 0)); // some of the window was accepted: recovery is quick
    static_cast<void>(o.run(30s, 200));
    CHECK(o.run(10s, 200).sent == 1000);
}

TEST_CASE("after an outage of more than the span it takes many spans to recover, unless max_probability keeps asking") {
    const auto spans_to_recover = [](double max_probability) {
        const keel::throttle_config c{.max_probability = max_probability};
        overload o(c);
        static_cast<void>(o.run(120s, 100));
        static_cast<void>(o.run(300s, 0));
        int seconds = 0;
        while (o.run(1s, 200).sent < 100 && seconds < 10'000)
            ++seconds;
        return seconds / 120.0;
    };
    CHECK(spans_to_recover(1) > 4);
    CHECK(spans_to_recover(0.9) < 2);
}
