// SPDX-License-Identifier: BSL-1.0
// expect-gcc: use of deleted function
// expect-clang: deleted
#include <keel/keel.hpp>
#include <stop_token>

#if defined(MISTAKE)
std::stop_source s;
keel::context c(s.get_token());
#else
std::stop_source s;
std::stop_token token = s.get_token();
keel::context c(token);
#endif
