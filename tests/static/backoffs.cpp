// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cstdint>
#include <type_traits>

// Backoffs are constant expressions, jitter too, where the generator is seeded.

using namespace keel;
using namespace std::chrono_literals;

namespace {
constexpr std::uint64_t last = ~std::uint64_t{0};

template <backoff B>
constexpr nanos at(const B& b, std::uint64_t n, nanos previous = {}) {
    random_source random(1);
    return b.delay(n, previous, random);
}

static_assert(at(constant{}, 1) == nanos(10ms) && at(constant{}, last) == nanos(10ms));
static_assert(at(constant{.every = 0s}, 1) == nanos(0) && at(constant{.every = 0s}, 1) != nanos(1));

static_assert(at(exponential{}, 1) == nanos(10ms) && at(exponential{}, 4) == nanos(80ms));
static_assert(at(exponential{}, 7) == nanos(640ms) && at(exponential{}, 8) == nanos(1s));
static_assert(at(exponential{}, 1000) == nanos(1s) && at(exponential{}, last) == nanos(1s));
static_assert(at(exponential{.factor = 3}, 3) == nanos(90ms) && at(exponential{.factor = 3}, 3) != nanos(40ms));

static_assert(at(linear{}, 1) == nanos(10ms) && at(linear{}, 3) == nanos(30ms) && at(linear{}, last) == nanos(1s));
static_assert(at(fibonacci{}, 1) == nanos(10ms) && at(fibonacci{}, 6) == nanos(80ms) &&
              at(fibonacci{}, last) == nanos(1s));
static_assert(at(fibonacci{}, 4) != nanos(40ms));

template <class B>
constexpr bool within(const B& b, std::uint64_t n, nanos low, nanos high, nanos previous = {}) {
    random_source random(7);
    for (int i = 0; i < 100; ++i) {
        const nanos d = b.delay(n, previous, random);
        if (d < low || d > high) return false;
    }
    return true;
}
static_assert(within(exp_jitter{}, 3, 0ms, 40ms) && !within(exp_jitter{}, 3, 0ms, 30ms) &&
              !within(exp_jitter{}, 3, 10ms, 40ms));
static_assert(within(exp_jitter{}, last, 0ms, 1s));
static_assert(within(equal_jitter{}, 3, 20ms, 40ms) && !within(equal_jitter{}, 3, 30ms, 40ms));
static_assert(within(equal_jitter{}, last, 500ms, 1s));
static_assert(within(decorrelated_jitter{}, 1, 10ms, 60ms, 20ms) &&
              !within(decorrelated_jitter{}, 1, 10ms, 40ms, 20ms));
static_assert(within(decorrelated_jitter{}, last, 10ms, 1s, longest));

// Their configurations are checked in constant evaluation: one that is out of range ends it, or is named by it.
template <class F>
concept evaluates = requires { typename std::bool_constant<(F{}(), true)>; };
template <class F>
consteval bool accepts(F validate) {
    if constexpr (evaluates<F>)
        return !validate();
    else
        return false;
}
static_assert(accepts([] { return exponential{}.validate(); }));
static_assert(!accepts([] { return exponential{.base = 0s}.validate(); }));
static_assert(accepts([] { return linear{.step = 0s}.validate(); }));
static_assert(!accepts([] { return linear{.step = -1ns}.validate(); }));
static_assert(accepts([] { return fibonacci{.base = 1s}.validate(); }));
static_assert(!accepts([] { return fibonacci{.base = 2s}.validate(); }));
static_assert(accepts([] { return retry<>({.attempts = 1}).validate(); }));
static_assert(!accepts([] { return retry<>({.attempts = 0}).validate(); }));

// And so is all that they are made of.
static_assert(detail::power(2, 10) == 1024 && detail::power(1e6, last) == detail::beyond_nanos);
static_assert(nanos(std::chrono::hours::max()) == nanos::max() && nanos(1.5s) == nanos(1500ms));
static_assert(nanos(std::chrono::duration<unsigned, std::milli>(5)) == nanos(5ms));
static_assert(detail::fewest_reaching(100, 0.07) == 7 && detail::fewest_reaching(100, 0.071) == 8);
} // namespace

int main() {}
