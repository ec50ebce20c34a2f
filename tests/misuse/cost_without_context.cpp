// SPDX-License-Identifier: BSL-1.0
// expect: call_cost
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::rate_limit.costing([] { return 3; });
#else
constexpr auto c = keel::rate_limit.costing([](const keel::context&) { return 3; });
#endif
