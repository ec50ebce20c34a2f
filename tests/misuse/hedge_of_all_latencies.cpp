// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "percentile"
#include <keel/hedge.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::hedge({.percentile = 1});
#else
constexpr auto c = keel::hedge({.percentile = 0.999});
#endif
