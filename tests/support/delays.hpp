#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/backoff/backoff.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace support {

/// The delay after attempt n, where none came before it.
template <keel::backoff B>
constexpr keel::nanos delay_at(const B& b, std::uint64_t n) {
    keel::random_source random(1);
    return b.delay(n, keel::nanos(0), random);
}

/// The first `n` delays in milliseconds, read as a range.
template <keel::backoff B>
std::vector<std::int64_t> first_delays(const B& b, int n) {
    std::vector<std::int64_t> ms;
    for (auto it = b.begin(); n > 0; --n, ++it)
        ms.push_back(*it / std::chrono::milliseconds(1));
    return ms;
}

/// The shortest and the longest of many delays after attempt 3.
template <keel::backoff B>
std::ranges::minmax_result<keel::nanos> range_of(const B& b, keel::nanos previous = {}) {
    keel::random_source random(7);
    std::vector<keel::nanos> drawn;
    for (int i = 0; i < 10'000; ++i)
        drawn.push_back(b.delay(3, previous, random));
    return std::ranges::minmax(drawn);
}

/// The ends of integer types, where doubles stop being exact, and what is one off.
inline constexpr std::uint64_t telling_attempts[] = {
    1,          2,          3,          31,        32,         33,         52,         53,
    54,         62,         63,         64,        65,         66,         97,         98,
    1000,       1023,       1024,       1025,      1ull << 31, 1ull << 32, 1ull << 53, (1ull << 53) + 1,
    1ull << 62, ~0ull >> 1, 1ull << 63, ~0ull - 1, ~0ull,
};

/// Every delay of `b`, after any attempt and any delay before, is at least `least` and at most `most`.
template <keel::backoff B>
void check_range(const B& b, keel::nanos least, keel::nanos most) {
    REQUIRE(!b.validate());
    keel::random_source random(42);
    for (const std::uint64_t n : telling_attempts) {
        keel::nanos previous{};
        for (int i = 0; i < 50; ++i) {
            previous = b.delay(n, previous, random);
            REQUIRE_MESSAGE(previous >= least, "attempt " << n);
            REQUIRE_MESSAGE(previous <= most, "attempt " << n);
        }
        const keel::nanos after_the_longest = b.delay(n, keel::longest, random);
        REQUIRE_MESSAGE(after_the_longest >= least, "attempt " << n);
        REQUIRE_MESSAGE(after_the_longest <= most, "attempt " << n);
    }
}

/// The caps, and the bases below them, that a backoff is tried with.
template <class Check>
void for_each_base_and_cap(Check check) {
    using keel::nanos;
    for (const nanos cap : {nanos(1), nanos(2), nanos(3), nanos(std::chrono::seconds(1)), keel::longest}) {
        for (const nanos base : {nanos(1), nanos(2), nanos(std::chrono::milliseconds(10)), keel::longest}) {
            if (base <= cap) check(base, cap);
        }
    }
}

} // namespace support
