// SPDX-License-Identifier: BSL-1.0
// expect: keel: several policies of this chain have that name
#include <keel/keel.hpp>

constexpr auto reads = keel::named<"reads">(keel::bulkhead);
#if defined(MISTAKE)
constexpr auto calls = keel::named<"reads">(keel::limit<>);
#else
constexpr auto calls = keel::named<"calls">(keel::limit<>);
#endif
keel::pipeline p{calls | reads};
auto& r = p.get<"reads">();
