// SPDX-License-Identifier: BSL-1.0
#include "fuzz/circuit_hands.hpp"
#include "fuzz/circuit_operations.hpp"
#include "fuzz/circuit_setup.hpp"
#include "fuzz/circuit_story.hpp"
#include "support/seed.hpp"

#include <keel/circuit.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/duration.hpp>
#include <keel/window/consecutive_failures.hpp>
#include <keel/window/in_flight.hpp>
#include <keel/window/sliding_time_window.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

// Random sequences of operations on circuits of random configurations, beside the naive circuit. `KEEL_SEED=n` begins
// with another sequence, `KEEL_OPERATIONS=n` asks for more of them.

using namespace std::chrono_literals;

namespace {

/// What one seed stands for.
struct sequence {
    fuzz::setup setup;
    std::vector<fuzz::operation> operations;

    explicit sequence(std::uint64_t seed) {
        std::mt19937_64 random(seed);
        std::vector<std::uint8_t> bytes(64 + 2 * (random() % 500));
        for (std::uint8_t& b : bytes)
            b = static_cast<std::uint8_t>(random());
        fuzz::bytes in(bytes);
        setup = fuzz::setup_of(in);
        // Seldom, for it takes a million changes by hand to get there.
        if (seed % 400 == 1) {
            setup.express = false;
            setup.before_wrap = 1 + static_cast<int>(seed / 400 % 8);
        }
        operations = fuzz::operations_of(in, setup);
    }
};

constexpr std::uint64_t enough = support::is_slow_build ? 100'000 : 2'000'000;

} // namespace

TEST_CASE("a circuit does what the naive circuit does, whatever happens to it") {
    const std::uint64_t wanted = support::given("KEEL_OPERATIONS", enough);
    const auto began = std::chrono::steady_clock::now();
    std::uint64_t done = 0;
    for (std::uint64_t seed = support::first_seed(); done < wanted; ++seed) {
        sequence s(seed);
        done += s.operations.size();
        if (fuzz::difference_after(s.setup, s.operations).empty()) continue;
        const auto shortest = fuzz::shrunk(s.setup, s.operations);
        FAIL("KEEL_SEED=" << seed << "\n" << fuzz::story_of(s.setup, shortest));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    MESSAGE(done << " operations, " << static_cast<std::uint64_t>(static_cast<double>(done) / took.count())
                 << " a second");
}

TEST_CASE("a naive circuit that is wrong a little is found out, by a sequence that can't be shorter") {
    for (const fuzz::flaw wrong : {fuzz::flaw::minimum, fuzz::flaw::overdue}) {
        int found = 0;
        for (std::uint64_t seed = 1; seed <= 200 && found < 20; ++seed) {
            sequence s(seed);
            if (fuzz::difference_after(s.setup, s.operations, nullptr, wrong).empty()) continue;
            ++found;
            const auto shortest = fuzz::shrunk(s.setup, s.operations, wrong);
            const std::string story = fuzz::story_of(s.setup, shortest, wrong);
            INFO("flaw ", static_cast<int>(wrong), ", seed ", seed, "\n", story);
            REQUIRE_FALSE(fuzz::difference_after(s.setup, shortest, nullptr, wrong).empty());
            // At most 12 results reach any minimum here; more is only needed to get to a half-open circuit.
            CHECK(shortest.size() <= 30);
            CHECK(story.find("call 0 is granted") != std::string::npos);
            for (std::size_t i = 0; i < shortest.size(); ++i) {
                auto less = shortest;
                less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
                CHECK(fuzz::difference_after(s.setup, less, nullptr, wrong).empty());
            }
        }
        CHECK(found == 20);
    }
}

// What such sequences have found.

TEST_CASE("a circuit that is opened by hand shows no failures of before") {
    keel::circuit<keel::consecutive_failures> c;
    c.try_acquire().failure();
    REQUIRE(c.stats().window.failed == 1);
    c.open();
    CHECK(c.stats().window.failed == 0);
}

TEST_CASE("a window of time is forgotten also before the epochs of its buckets wrap, and when they do") {
    constexpr std::int64_t wrap = std::int64_t{1} << 32;
    for (const std::int64_t bucket : {wrap - 2, wrap - 1, wrap}) {
        keel::manual_clock clock;
        clock.set(keel::time_point(std::chrono::milliseconds(bucket - 1)));
        keel::circuit<keel::sliding_time_window, keel::manual_clock> c{
            {.window = {.span = std::chrono::milliseconds(3), .buckets = 3}}, clock};
        c.try_acquire().failure();
        clock.advance(std::chrono::milliseconds(1));
        REQUIRE(c.stats().window.failed == 1);
        c.close();
        CHECK(c.stats().window.failed == 0);
        CHECK(c.stats().window.calls == 0);
    }
}

TEST_CASE("a circuit that trips by calls under way shows no failures of before it was closed") {
    keel::manual_clock clock;
    keel::circuit<fuzz::overdue_row, keel::manual_clock> c{
        {.window = {.failures = 1}, .slow_call = {.longer_than = 1s}, .open_for = 1s, .half_open_calls = 1}, clock};
    c.try_acquire().failure();
    clock.advance(1s);
    c.try_acquire().success();
    REQUIRE(c.state() == keel::circuit_state::closed);
    const auto hangs = c.try_acquire();
    clock.advance(2s);
    REQUIRE(!c.try_acquire());
    CHECK(c.stats().window.failed == 0);
}

TEST_CASE("a call that ends on another thread hides no overdue one, whatever the number of its eighth") {
    using calls = keel::detail::in_flight_calls<2, fuzz::detail::in_turns>;
    constexpr keel::nanos limit = 80ns;
    for (int eighth = 0xffff - 10; eighth <= 0xffff + 10; ++eighth) {
        calls c;
        const keel::time_point now(10ns * eighth);
        fuzz::detail::in_turns::turn = 0;
        c.begin(limit, 0, now - 90ns);
        c.begin(limit, 0, now);
        fuzz::detail::in_turns::turn = 1;
        c.end(limit, 0, now, now);
        CHECK(c.overdue(limit, 0, now) == 1);
    }
}
