// SPDX-License-Identifier: BSL-1.0
// expect: a_temporary_store_ends_before_its_cache_so_give_it_a_name
#include <keel/cache.hpp>

#include <chrono>
#include <map>

using namespace std::chrono_literals;
using numbers = std::map<int, keel::cached<int>>;

#if defined(MISTAKE)
keel::cache c{numbers(), {.ttl = 5s}};
#else
numbers store;
keel::cache c{store, {.ttl = 5s}};
#endif
