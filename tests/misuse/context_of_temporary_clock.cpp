// SPDX-License-Identifier: BSL-1.0
// expect-gcc: use of deleted function
// expect-clang: deleted
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::context c{keel::time_point(), keel::manual_clock()};
#else
keel::manual_clock clock_of_the_test;
keel::context c{keel::time_point(), clock_of_the_test};
#endif
