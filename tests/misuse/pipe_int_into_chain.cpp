// SPDX-License-Identifier: BSL-1.0
// expect: what_is_piped_here_is_not_a_policy_which_has_admit_and_settle
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = 3 | (keel::timeout | keel::retry<keel::exp_jitter>);
#else
constexpr auto c = keel::breaker<> | (keel::timeout | keel::retry<keel::exp_jitter>);
#endif
