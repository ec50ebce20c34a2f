// SPDX-License-Identifier: BSL-1.0
// expect: a hedge in a hedge multiplies the attempts: keep one of them, with more `extra`
#include <keel/keel.hpp>

#if defined(MISTAKE)
keel::pipeline p{keel::hedge | keel::breaker<> | keel::hedge};
#else
keel::pipeline p{keel::hedge({.extra = 3}) | keel::breaker<>};
#endif
