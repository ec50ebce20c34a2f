// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "backoff.cap"
#include <keel/keel.hpp>

using namespace std::chrono_literals;

#if defined(MISTAKE)
constexpr auto c = keel::retry<keel::exp_jitter>({.backoff = {.base = 2s, .cap = 1s}});
#else
constexpr auto c = keel::retry<keel::exp_jitter>({.backoff = {.base = 1s, .cap = 2s}});
#endif
