// SPDX-License-Identifier: BSL-1.0
// A call that is driven by hand is the call that blocks: the same attempts at the same times, told the same, and the
// same end, whatever becomes of them.
#include "support/asked_to_stop.hpp"
#include "support/cold_only.hpp"
#include "support/seed.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/backoff/exponential.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/chaos.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/context.hpp>
#include <keel/fallback.hpp>
#include <keel/limit.hpp>
#include <keel/pipeline.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <expected>
#include <random>
#include <sstream>
#include <string>
#include <system_error>

using namespace std::chrono_literals;
using support::asked_to_stop;
using keel::operator|; // neither side of it need be keel's own

namespace {
using result = std::expected<void, std::error_code>;

/// What happens outside of the pipeline, drawn from a seed: how long attempts take, how they end, and when the caller
/// loses interest. Writes down what it is told.
class world {
  public:
    explicit world(std::uint64_t seed)
      : random_(seed) {}

    keel::manual_clock clock;
    std::string log;

    result attempt(std::uint32_t number, keel::time_point deadline) {
        note("attempt " + std::to_string(number) + " until " + text(deadline));
        clock.advance(std::chrono::milliseconds(draw(30)));
        caller.stop = draw(20) == 0;
        switch (draw(5)) {
        case 0:
        case 1:
            return {};
        case 2:
            return std::unexpected(std::make_error_code(std::errc::operation_canceled));
        default:
            return std::unexpected(std::make_error_code(std::errc::io_error));
        }
    }
    keel::context begin() {
        caller.stop = false;
        clock.advance(std::chrono::milliseconds(draw(40)));
        return keel::context(caller,
                             draw(4) == 0 ? clock.now() + std::chrono::milliseconds(draw(60)) : keel::no_deadline);
    }
    void end(const result& r) { note(r ? "succeeds" : "fails: " + r.error().message()); }

  private:
    std::uint64_t draw(std::uint64_t below) { return random_() % below; }
    void note(const std::string& what) { log += text(clock.now()) + " " + what + "\n"; }
    static std::string text(keel::time_point t) { return std::to_string(t.time_since_epoch().count()); }

    std::mt19937_64 random_;
    asked_to_stop caller;
};

constexpr int calls = 40;

template <class Chain>
std::string blocking(const Chain& chain, std::uint64_t seed) {
    world w(seed);
    keel::pipeline p{chain, w.clock};
    for (int i = 0; i < calls; ++i) {
        const keel::context outer = w.begin();
        w.end(p(outer, [&](const keel::context& c) { return w.attempt(c.attempt(), c.deadline()); }));
    }
    return w.log;
}

template <class Chain>
std::string by_hand(const Chain& chain, std::uint64_t seed) {
    world w(seed);
    keel::pipeline p{chain, w.clock};
    for (int i = 0; i < calls; ++i) {
        const keel::context outer = w.begin();
        auto t = p.begin(outer);
        while (t || t.waiting()) {
            if (t.waiting()) {
                w.clock.advance(t.delay());
                t.resume();
                continue;
            }
            const result r = w.attempt(t.attempt(), t.deadline());
            if (r)
                t.success();
            else
                t.failure(r.error());
        }
        w.end(t.result());
    }
    return w.log;
}

std::string difference(const std::string& blocking, const std::string& by_hand) {
    std::istringstream expected(blocking), found(by_hand);
    std::string one, other;
    while (bool(std::getline(expected, one)) + bool(std::getline(found, other)) > 0) {
        if (one != other) return "blocking: " + one + "; by hand: " + other;
    }
    return "none";
}

template <class Chain>
void compare(const Chain& chain) {
    for (int i = 0; i < (support::is_slow_build ? 20 : 100); ++i) {
        const std::uint64_t seed = support::first_seed() + static_cast<std::uint64_t>(i);
        CAPTURE(seed);
        REQUIRE(difference(blocking(chain, seed), by_hand(chain, seed)) == "none");
    }
}

constexpr auto thrice = keel::retry<keel::exponential>({.attempts = 3, .backoff = {.base = 5ms, .cap = 20ms}});
constexpr auto breaker = keel::breaker<keel::sliding_window>(
    {.window = {.calls = 10}, .minimum_calls = 5, .open_for = 100ms, .half_open_calls = 2, .growth = {.jitter = 0}});
constexpr auto rate = keel::rate_limit({.rate = 1, .per = 40ms, .burst = 2, .max_wait = 60ms});
constexpr auto latency = keel::chaos({.rate = 0.3, .seed = 7}).latency(15ms);
} // namespace

TEST_CASE("a ticket goes through the chain that everybody has as a call that blocks does") {
    compare(keel::timeout(50ms) | thrice | breaker);
    compare(thrice | keel::timeout(20ms) | breaker);
    compare(keel::timeout(50ms) | thrice | support::cold_only{breaker});
}
TEST_CASE("a ticket goes through waits as a call that blocks does") {
    compare(keel::timeout(70ms) | thrice | rate | breaker);
    compare(rate | thrice | latency | keel::timeout(20ms));
    compare(thrice | latency.fault() | keel::bulkhead | support::cold_only{rate});
}
TEST_CASE("a ticket goes through what answers and what tries again as a call that blocks does") {
    compare(keel::fallback([] {}) | keel::timeout(60ms) | thrice | breaker);
    compare(thrice | keel::fallback([](const keel::failure& f, const keel::context&) -> result {
                         return std::unexpected(make_error_code(f.is_rejection() ? f.reason() : keel::errc::injected));
                     }).failing_if([](keel::errc) { return true; }) |
            breaker);
    compare(thrice | keel::limit<keel::aimd>({.initial = 3, .max = 5, .window = 50ms}) | thrice | keel::timeout(15ms));
}
