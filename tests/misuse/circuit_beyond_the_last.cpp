// SPDX-License-Identifier: BSL-1.0
// expect: keel: this chain has no such breaker
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout | keel::breaker<>};
auto& c = p.circuit<1>();
#else
keel::pipeline p{keel::breaker<> | keel::timeout | keel::breaker<>};
auto& c = p.circuit<1>();
#endif
