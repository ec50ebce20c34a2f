// SPDX-License-Identifier: BSL-1.0
// Calls one of the hot functions often, under callgrind; counts allocations meanwhile.

#include "hot.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {
long allocations = 0;
}

void* operator new(std::size_t size) {
    ++allocations;
    return std::malloc(size);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

[[gnu::noinline]] int fetch(int key) {
    asm volatile("" : "+r"(key));
    return key;
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    auto* const hot = std::strcmp(argv[1], "raw") == 0      ? hot_raw
                      : std::strcmp(argv[1], "static") == 0 ? hot_static
                                                            : hot_stored;
    for (int i = 0; i < 100; ++i)
        hot(i);
    const long before = allocations;
    for (int i = std::atoi(argv[2]); i > 0; --i)
        hot(i);
    std::printf("%ld allocations\n", allocations - before);
}
