// SPDX-License-Identifier: BSL-1.0
// expect: monotonic_clock
#include <keel/keel.hpp>

#if defined(MISTAKE)
struct my_clock : keel::steady_clock {
    keel::time_point now() const { return keel::steady_clock::now(); }
};
keel::pipeline<keel::chain<keel::timeout_policy>, my_clock> p{keel::timeout};
#else
struct my_clock : keel::steady_clock {
    keel::time_point now() const noexcept { return keel::steady_clock::now(); }
};
keel::pipeline<keel::chain<keel::timeout_policy>, my_clock> p{keel::timeout};
#endif
