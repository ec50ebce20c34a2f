// SPDX-License-Identifier: BSL-1.0
// expect: limit_strategy
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::limit<keel::linear>;
#else
constexpr auto c = keel::limit<keel::aimd>;
#endif
