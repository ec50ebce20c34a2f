// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "timeout"
// expect: "after"
// expect: must be above 0
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::timeout_policy{{.after = 0ms}} | keel::retry<keel::exp_jitter>;
keel::static_pipeline<c> p;
#else
constexpr auto c = keel::timeout_policy{{.after = 1ms}} | keel::retry<keel::exp_jitter>;
keel::static_pipeline<c> p;
#endif
