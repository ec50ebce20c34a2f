// SPDX-License-Identifier: BSL-1.0
// expect: keel: a fault or a result ends the call: write it last, and no other after it
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::chaos({.rate = 0.05}).fault().latency(50ms);
#else
constexpr auto c = keel::chaos({.rate = 0.05}).latency(50ms).fault();
#endif
