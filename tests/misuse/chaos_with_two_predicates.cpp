// SPDX-License-Identifier: BSL-1.0
// expect: keel: chaos has a predicate already; write one `when` of both
#include <keel/keel.hpp>

constexpr auto early = [](const keel::context& c) { return c.attempt() == 0; };
constexpr auto bounded = [](const keel::context& c) { return c.deadline() != keel::no_deadline; };
#if defined(MISTAKE)
constexpr auto c = keel::chaos({.rate = 0.05}).fault().when(early).when(bounded);
#else
constexpr auto c =
    keel::chaos({.rate = 0.05}).fault().when([](const keel::context& c) { return early(c) && bounded(c); });
#endif
