// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: must be at least 0 and at most 100 years
#include <keel/hedge.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::hedge({.delay = -1ms});
#else
constexpr auto c = keel::hedge({.delay = 0ms});
#endif
