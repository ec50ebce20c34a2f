// SPDX-License-Identifier: BSL-1.0
#include "folder.hpp"

#include <keel/backoff/exponential.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

// Compares `exponential` with what Resilience4j's IntervalFunction was seen to give: backoff FOLDER. That one cuts each
// step to whole milliseconds, so here each of its steps is one step of keel's, cut the same way; where the multiplier
// is a whole number nothing is cut, and keel's own delays must be the recorded ones.

namespace {
using milliseconds = std::chrono::milliseconds;

std::int64_t delay_in_ms(keel::exponential b, std::uint64_t n) {
    keel::random_source random;
    return std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds(b.delay(n, keel::nanos(0), random)))
        .count();
}
} // namespace

int main(int argc, char** argv) {
    const auto folder = replay::folder(argc, argv);
    if (!folder) return replay::skip;
    std::ifstream in(*folder / "backoff.public.txt");
    int passed = 0, failed = 0, jittered = 0, compared = 0, beyond = 0;
    const std::int64_t longest = delay_in_ms({.base = keel::longest, .cap = keel::longest}, 1);
    // From 104 days on a double does not hold every nanosecond, and a cut to milliseconds may fall short by one.
    constexpr std::int64_t exact = (std::int64_t{1} << 53) / 1'000'000;
    for (std::string line; in >> line;) {
        if (line != "E") {
            jittered += line == "J";
            std::getline(in, line);
            continue;
        }
        std::int64_t initial = 0, most = 0;
        double factor = 0;
        std::uint64_t values = 0;
        in >> initial >> factor >> most >> values;
        const std::int64_t cap = most < 0 ? longest : std::min(most, longest);
        const bool whole = factor == static_cast<double>(static_cast<int>(factor));
        bool same = true;
        std::int64_t step = initial;
        for (std::uint64_t n = 1; n <= values; ++n) {
            std::int64_t recorded = 0;
            in >> recorded;
            if (recorded >= exact) {
                ++beyond;
                continue;
            }
            if (n > 1) step = delay_in_ms({.base = milliseconds(step), .factor = factor, .cap = keel::longest}, 2);
            same = same && std::min(step, cap) == recorded;
            if (whole && initial <= cap)
                same = same && delay_in_ms({.base = milliseconds(initial), .factor = factor, .cap = milliseconds(cap)},
                                           n) == recorded;
            ++compared;
        }
        ++(same ? passed : failed);
        if (!same) std::printf("DIFFERS initial %lld ms, factor %g\n", static_cast<long long>(initial), factor);
    }
    std::printf("not applicable: %d J lines: keel caps before the jitter and not after it\n", jittered);
    std::printf("not applicable: %d delays beyond 104 days, which keel rounds\n", beyond);
    std::printf("%d delays compared\n%d passed, %d failed\n", compared, passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
