// SPDX-License-Identifier: BSL-1.0
// A map of values and not of keel::cached<value>: there is no place for the time.
// expect: cache_store
#include <keel/cache.hpp>

#include <chrono>
#include <map>

using namespace std::chrono_literals;

#if defined(MISTAKE)
std::map<int, int> store;
#else
std::map<int, keel::cached<int>> store;
#endif
keel::cache c{store, {.ttl = 5s}};
