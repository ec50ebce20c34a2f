// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "after"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::timeout(std::chrono::hours(24 * 365 * 101));
#else
constexpr auto c = keel::timeout(std::chrono::hours(24 * 365 * 99));
#endif
