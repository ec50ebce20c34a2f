// SPDX-License-Identifier: BSL-1.0
// expect: keel: the policy of that name keeps nothing that one could ask for
#include <keel/keel.hpp>

keel::pipeline p{keel::named<"slow">(keel::timeout) | keel::named<"payments">(keel::breaker<>)};
#if defined(MISTAKE)
auto& c = p.get<"slow">();
#else
auto& c = p.get<"payments">();
#endif
