// SPDX-License-Identifier: BSL-1.0
// expect: composable
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::static_pipeline<3> p;
#else
keel::static_pipeline<keel::timeout> p;
#endif
