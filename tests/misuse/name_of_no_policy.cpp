// SPDX-License-Identifier: BSL-1.0
// expect: keel: no policy of this chain has that name
#include <keel/keel.hpp>

keel::pipeline p{keel::timeout | keel::named<"payments">(keel::breaker<>)};
#if defined(MISTAKE)
auto& c = p.get<"payment">();
#else
auto& c = p.get<"payments">();
#endif
