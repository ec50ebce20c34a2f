// SPDX-License-Identifier: BSL-1.0
// A reference to what the conversion would make: it would end before its caller sees it.
// expect: keel: the fallback's value is not what the guarded function returns
#include <keel/keel.hpp>

#include <string>

const std::string& name();

#if defined(MISTAKE)
keel::pipeline p{keel::fallback("nobody")};
#else
keel::pipeline p{keel::fallback(std::string("nobody"))};
#endif
const std::string& get() { return p(name); }
