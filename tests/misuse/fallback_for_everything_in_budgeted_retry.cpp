// SPDX-License-Identifier: BSL-1.0
// expect: a_fallback_for_everything_belongs_left_of_retry_which_it_starves
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::retry<>.budgeted() | keel::fallback(0);
#else
constexpr auto c = keel::fallback(0) | keel::retry<>.budgeted() | keel::timeout;
#endif
