// SPDX-License-Identifier: BSL-1.0
// expect: keel: the function's result must be of the store's value type, or an expected of it
#include <keel/cache.hpp>

#include <chrono>
#include <map>

using namespace std::chrono_literals;

std::map<int, keel::cached<int>> store;
keel::cache c{store, {.ttl = 5s}};

#if defined(MISTAKE)
long get() { return 1; }
#else
int get() { return 1; }
#endif
auto value() { return c(1, get); }
