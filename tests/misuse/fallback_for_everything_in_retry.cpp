// SPDX-License-Identifier: BSL-1.0
// expect: a_fallback_for_everything_belongs_left_of_retry_which_it_starves
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::retry<> | keel::retry<> | keel::fallback(0);
#else
constexpr auto c = keel::fallback(0) | keel::retry<> | keel::timeout;
constexpr auto late = keel::retry<> | keel::timeout | keel::fallback(0); // what comes too late is tried again
constexpr auto by_value = keel::retry<>.failing_if([](int v) { return v < 0; }) | keel::fallback(0);
constexpr auto chosen = keel::retry<> | keel::fallback(0).failing_if([](keel::errc) { return true; });
#endif
