// SPDX-License-Identifier: BSL-1.0
#include "support/cold_only.hpp"
#include "support/results.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/random.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using support::result;

// Two pipelines of the same policies get the same calls: one may ride the express lane, the other can't. They agree on
// every answer, on what the function saw, on the time that passed and on the state of their circuits.

namespace {
struct deed {
    std::chrono::milliseconds takes;
    char ends; // Value, low value, Error, or eXception
};

template <std::size_t Breakers, class Pipeline>
std::string call(Pipeline& p, keel::manual_clock& clock, const std::vector<deed>& deeds, const keel::context* outer) {
    std::string seen;
    const auto function = [&](const keel::context& c) -> result {
        const deed& d = deeds[(c.attempt() - 1) % deeds.size()];
        seen += std::to_string(c.attempt()) + " " + std::to_string(c.deadline().time_since_epoch().count()) + ";";
        clock.advance(d.takes);
        if (d.ends == 'x') throw 1;
        if (d.ends == 'e') return support::bad();
        return d.ends == 'l' ? 0 : static_cast<int>(c.attempt());
    };
    try {
        const result r = outer != nullptr ? p(*outer, function) : p(function);
        seen += r ? "value " + std::to_string(*r) : r.error().message();
    } catch (int) {
        seen += "exception";
    }
    seen += " at " + std::to_string(clock.now().time_since_epoch().count());
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        ((seen += " " + std::to_string(static_cast<int>(p.template circuit<I>().state()))), ...);
    }(std::make_index_sequence<Breakers>());
    return seen;
}

template <std::size_t Breakers, keel::policy... P>
void same_on_either_lane(const P&... policies) {
    const keel::chain<P...> chain{boost::hana::tuple<P...>(policies...)};
    const keel::chain<support::cold_only<P>...> same_chain{
        boost::hana::tuple<support::cold_only<P>...>(support::cold_only<P>{policies}...)};
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        INFO("seed ", seed);
        std::mt19937_64 random(seed);
        keel::manual_clock clock, same_clock;
        clock.set(keel::time_point(1000s));
        same_clock.set(keel::time_point(1000s));
        keel::pipeline p{chain, clock};
        keel::pipeline same{same_chain, same_clock};
        const std::uint64_t healthy = random() % 100;
        for (int i = 0; i < 300; ++i) {
            std::vector<deed> deeds;
            for (int n = 0; n < 3; ++n)
                deeds.push_back({std::chrono::milliseconds(random() % 4 == 0 ? random() % 150 : 0),
                                 random() % 100 < healthy ? 'v' : "lex"[random() % 3]});
            const auto pause = std::chrono::milliseconds(random() % 10 == 0 ? random() % 2000 : random() % 20);
            clock.advance(pause);
            same_clock.advance(pause);
            const keel::context outer(clock.now() + std::chrono::milliseconds(random() % 300));
            const keel::context* given = random() % 3 == 0 ? &outer : nullptr;
            keel::thread_random().seed(seed);
            const std::string express = call<Breakers>(p, clock, deeds, given);
            keel::thread_random().seed(seed);
            REQUIRE(express == call<Breakers>(same, same_clock, deeds, given));
        }
    }
}

constexpr auto is_low = [](int v) { return v == 0; };
constexpr auto within = keel::timeout(100ms);
constexpr auto retry = keel::retry<>({.backoff = {.base = 5ms, .cap = 40ms}});
template <class Window>
constexpr auto breaker = keel::breaker<Window>({.open_for = 500ms, .half_open_calls = 2, .half_open_max_wait = 300ms});
constexpr auto by_count = keel::breaker<keel::sliding_window>(
    {.window = {.calls = 10}, .minimum_calls = 4, .open_for = 500ms, .half_open_max_wait = 300ms});
constexpr auto by_time = keel::breaker<keel::sliding_time_window>(
    {.window = {.span = 1s, .buckets = 10}, .minimum_calls = 4, .open_for = 500ms, .half_open_max_wait = 300ms});
constexpr auto in_a_row = breaker<keel::consecutive_failures>;
} // namespace

TEST_CASE("the lanes agree on the chain of the project's card") { same_on_either_lane<1>(within, retry, by_count); }
TEST_CASE("the lanes agree on each window of a breaker") {
    same_on_either_lane<1>(by_count);
    same_on_either_lane<1>(by_time);
    same_on_either_lane<1>(in_a_row);
}
TEST_CASE("the lanes agree on policies that were told what counts") {
    same_on_either_lane<1>(within, retry.failing_if(is_low), in_a_row.ignoring_if(is_low));
    same_on_either_lane<1>(retry.ignoring<int>(), by_count.failing_if(is_low).failing_on<int>());
}
TEST_CASE("the lanes agree on a timeout for each attempt, and on late values that are kept") {
    same_on_either_lane<1>(within, retry, keel::timeout(50ms), by_time);
    same_on_either_lane<1>(keel::timeout({.after = 80ms, .late_success = keel::late_success::keep}), retry,
                           keel::timeout({.after = 40ms, .late_success = keel::late_success::keep}), in_a_row);
}
TEST_CASE("the lanes agree on several breakers, whichever refuses") {
    same_on_either_lane<2>(in_a_row, within, by_count);
    same_on_either_lane<2>(within, by_time, retry, in_a_row);
}
TEST_CASE("the lanes agree on a retry that tries again when a circuit is open") {
    constexpr auto insisting =
        keel::retry<keel::constant>({.attempts = 5, .backoff = {.every = 150ms}, .when_open = true});
    same_on_either_lane<1>(insisting, in_a_row);
    same_on_either_lane<1>(keel::timeout(1s), insisting, by_count);
}
