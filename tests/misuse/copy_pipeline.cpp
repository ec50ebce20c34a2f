// SPDX-License-Identifier: BSL-1.0
// expect-gcc: use of deleted function
// expect-clang: call to implicitly-deleted copy constructor
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
auto q = p;
#else
keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter>};
auto& q = p;
#endif
