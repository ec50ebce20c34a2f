// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "latency"
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::chaos({.rate = 0.05}).latency(std::chrono::milliseconds(0));
#else
constexpr auto c = keel::chaos({.rate = 0.05}).latency(std::chrono::milliseconds(5));
#endif
