// SPDX-License-Identifier: BSL-1.0
// expect: keel: the places in line must be a power of two from 2 to 1024
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::shared_bulkhead<{.waiters = 100}> b;
#else
keel::shared_bulkhead<{.waiters = 128}> b;
#endif
