// SPDX-License-Identifier: BSL-1.0
// expect-gcc: required for the satisfaction of
// expect-clang: does not satisfy 'backoff'
#include <keel/keel.hpp>

#if defined(MISTAKE)
constexpr auto c = keel::retry<int>;
#else
constexpr auto c = keel::retry<keel::constant>;
#endif
