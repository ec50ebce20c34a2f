// SPDX-License-Identifier: BSL-1.0
// expect: keel: this chain has no such breaker
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
auto& c = p.circuit();
#else
keel::pipeline p{keel::timeout | keel::breaker<>};
auto& c = p.circuit();
#endif
