// SPDX-License-Identifier: BSL-1.0
// Random calls through `fallback | retry | fallback | what refuses`, beside the same nesting written down naively.
#include "support/cold_only.hpp"
#include "support/seed.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/fallback.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;
using keel::errc;

namespace {
/// All that can come of the inside: one bit each.
enum event : unsigned {
    good = 1,
    negative = 2,
    error_a = 4,
    error_b = 8,
    runtime = 16,
    logic = 32,
    cancelled = 64,
    open = 128,
    limited = 256,
};
constexpr event of_function[] = {good, negative, error_a, error_b, runtime, logic, cancelled};
constexpr event of_inside[] = {good, good, negative, error_a, error_b, runtime, logic, cancelled, open, limited};

/// What happens in a call, in this order; the same for pipeline and model.
struct script {
    std::uint64_t seed;
    std::mt19937_64 random{seed};
    event next = draw(of_inside);
    int answers = 0;

    template <std::size_t N>
    event draw(const event (&from)[N]) {
        return from[random() % N];
    }
    event inside() { return std::exchange(next, draw(of_inside)); }
    event answer() { return ++answers, draw(of_function); }
};
script* running = nullptr;

using result = std::expected<int, std::string>;
result enact(event e) {
    switch (e) {
    case good:
        return 1;
    case negative:
        return -1;
    case error_a:
        return std::unexpected("a");
    case error_b:
        return std::unexpected("b");
    case runtime:
        throw std::range_error("runtime");
    case logic:
        throw std::out_of_range("logic");
    default:
        throw std::system_error(std::make_error_code(std::errc::operation_canceled));
    }
}
event seen(const std::expected<int, keel::basic_failure<std::string>>& r) {
    if (r) return *r == 1 ? good : negative;
    if (r.error().error() != nullptr) return *r.error().error() == "a" ? error_a : error_b;
    if (r.error().is_rejection()) return r.error() == errc::circuit_open ? open : limited;
    try {
        std::rethrow_exception(r.error().exception());
    } catch (const std::range_error&) {
        return runtime;
    } catch (const std::logic_error&) {
        return logic;
    } catch (const std::system_error&) {
        return cancelled;
    }
}

/// Refuses when the script says so.
struct refusing {
    static constexpr errc rejections[] = {errc::circuit_open, errc::rate_limited};
    bool fast_admit(keel::call&) const noexcept { return (running->next & (open | limited)) == 0; }
    bool fast_settle(keel::call&) const noexcept { return true; }
    keel::admission fast_refuse(keel::call&) const noexcept { return refusal(); }
    keel::admission admit(keel::call&, auto&) const { return refusal(); }
    keel::verdict settle(keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
    bool lets_pass(errc) const noexcept { return true; }

  private:
    static keel::admission refusal() {
        if ((running->next & (open | limited)) == 0) return keel::proceed;
        return keel::refuse(running->inside() == open ? errc::circuit_open : errc::rate_limited);
    }
};

/// A way to choose failures, and which events that are: by hand, from the documentation.
template <class Policy>
struct choice {
    Policy policy;
    unsigned handled;
};
constexpr auto answering =
    keel::fallback([](const keel::basic_failure<std::string>&) { return enact(running->answer()); });
constexpr auto is_open = [](errc e) { return e == errc::circuit_open; };
constexpr auto is_a = [](const std::string& s) { return s == "a"; };
constexpr auto is_negative = [](int v) { return v < 0; };
constexpr unsigned usual = error_a | error_b | runtime | logic | open | limited;

constexpr choice everything{answering, usual};
constexpr choice on_logic{answering.failing_on<std::logic_error>(), logic};
constexpr choice on_runtime{answering.failing_on<std::runtime_error>(), runtime | cancelled | open | limited};
constexpr choice if_a{answering.failing_if(is_a), error_a};
constexpr choice if_negative{answering.failing_if(is_negative), negative};
constexpr choice if_open{answering.failing_if(is_open), open};
constexpr choice not_logic{answering.ignoring<std::logic_error>(), usual & ~logic};
constexpr choice not_open{answering.ignoring_if(is_open), usual & ~open};
constexpr choice mixed{answering.failing_if(is_negative).failing_on<std::logic_error>().ignoring_if(is_a),
                       negative | logic};
constexpr choice not_system{answering.failing_on<std::exception>().ignoring<std::system_error>(), runtime | logic};

constexpr int attempts = 3;
constexpr auto retry = keel::retry<keel::constant>({.attempts = attempts, .when_open = true});

event naive(script& s, unsigned outer, unsigned inner) {
    const auto guarded = [&](event e, unsigned handled) { return (e & handled) != 0 ? s.answer() : e; };
    event e{};
    for (int made = 0; made < attempts; ++made) {
        e = guarded(s.inside(), inner);
        if ((e & usual) == 0) break;
    }
    return guarded(e, outer);
}

template <class Outer, class Inner>
void compare(const choice<Outer>& outer, const choice<Inner>& inner, std::uint64_t first_seed, int calls) {
    keel::pipeline p{outer.policy | retry | inner.policy | refusing{}, keel::manual_clock{}};
    keel::pipeline cold{support::cold_only<Outer>{outer.policy} | retry | inner.policy | refusing{},
                        keel::manual_clock{}};
    int replaced = 0;
    for (std::uint64_t seed = first_seed; seed < first_seed + static_cast<std::uint64_t>(calls); ++seed) {
        script modelled{seed}, real{seed}, slow{seed};
        const event expected = naive(modelled, outer.handled, inner.handled);
        const auto function = [] { return enact(running->inside()); };
        running = &real;
        REQUIRE_MESSAGE(seen(p.attempt(function)) == expected, "KEEL_SEED=" << seed);
        running = &slow;
        REQUIRE_MESSAGE(seen(cold.attempt(function)) == expected, "KEEL_SEED=" << seed);
        REQUIRE_MESSAGE(real.answers == modelled.answers, "KEEL_SEED=" << seed);
        REQUIRE_MESSAGE(slow.answers == modelled.answers, "KEEL_SEED=" << seed);
        replaced += real.answers > 0;
    }
    // Else the run would have shown little.
    CHECK(replaced > calls / 50);
}
} // namespace

TEST_CASE("fallbacks answer for exactly what the naive nesting answers for") {
    const std::uint64_t seed = support::first_seed();
    constexpr int calls = 20000;
    compare(everything, everything, seed, calls);
    compare(everything, on_logic, seed, calls);
    compare(on_logic, if_open, seed, calls);
    compare(on_runtime, if_a, seed, calls);
    compare(if_a, not_system, seed, calls);
    compare(if_negative, mixed, seed, calls);
    compare(if_open, on_runtime, seed, calls);
    compare(not_logic, if_negative, seed, calls);
    compare(not_open, not_logic, seed, calls);
    compare(mixed, not_open, seed, calls);
    compare(not_system, if_open, seed, calls);
}
