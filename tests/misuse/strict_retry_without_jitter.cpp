// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: has no jitter, so clients that fail together retry together: use exp_jitter
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::strict(keel::retry<keel::constant> | keel::breaker<>);
#else
constexpr auto c = keel::strict(keel::retry<keel::exp_jitter> | keel::breaker<>);
#endif
