// SPDX-License-Identifier: BSL-1.0
// expect: no match
// expect: budgeted_retry_config
#include <keel/keel.hpp>

keel::retry_budget budget;
#if defined(MISTAKE)
constexpr auto c = keel::retry<keel::exp_jitter>({.attempts = 5, .budget = budget});
#else
constexpr auto c = keel::retry<keel::exp_jitter>({.attempts = 5, .budget = &budget});
#endif
