// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "permits"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::bulkhead({.permits = 0});
#else
constexpr auto c = keel::bulkhead({.permits = 1});
#endif
