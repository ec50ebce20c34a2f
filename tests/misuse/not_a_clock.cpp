// SPDX-License-Identifier: BSL-1.0
// expect: monotonic_clock
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline<keel::chain<keel::timeout_policy>, std::chrono::steady_clock> p{keel::timeout};
#else
keel::pipeline<keel::chain<keel::timeout_policy>, keel::manual_clock> p{keel::timeout};
#endif
