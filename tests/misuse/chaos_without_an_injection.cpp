// SPDX-License-Identifier: BSL-1.0
// expect: keel: chaos has nothing to inject; write `chaos({.rate = 0.01}).fault()`, or .latency(d), .result(v) or
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::static_pipeline<keel::timeout | keel::chaos({.rate = 0.01})> p;
#else
keel::static_pipeline<keel::timeout | keel::chaos({.rate = 0.01}).fault()> p;
#endif
