// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "k"
// expect: "must be from 1 to 1e6"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::throttle({.k = 0.9}); // the share of requests that should succeed
#else
constexpr auto c = keel::throttle({.k = 1 / 0.9});
#endif
