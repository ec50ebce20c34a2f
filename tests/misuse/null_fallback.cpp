// SPDX-License-Identifier: BSL-1.0
// expect: a_configuration_value_is_out_of_range
// expect: "function"
#include <keel/keel.hpp>

constexpr int zero() { return 0; }

#if defined(MISTAKE)
constexpr int (*answer)() = nullptr;
#else
constexpr int (*answer)() = zero;
#endif
constexpr auto c = keel::fallback(answer);
