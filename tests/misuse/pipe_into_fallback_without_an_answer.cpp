// SPDX-License-Identifier: BSL-1.0
// expect: fallback_has_no_answer_write_fallback_of_a_value_or_function
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::fallback | keel::timeout | keel::retry<>;
#else
constexpr auto c = keel::fallback(0) | keel::timeout | keel::retry<>;
#endif
