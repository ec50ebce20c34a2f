// SPDX-License-Identifier: BSL-1.0
// main NAME TIMES: warms one of the healthy paths up, then calls it that often inside of `repeat`, which is where
// callgrind counts. Says how much was allocated meanwhile.

#include "hot.hpp"

#include <cstdio>
#include <cstdlib>
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

extern "C" [[gnu::noinline]] void repeat(const path& hot, int times) {
    for (int i = 0; i < times; ++i)
        hot.call(i, hot.guard);
}

int main(int argc, char** argv) {
    const path* const hot = argc == 3 ? find_path(argv[1]) : nullptr;
    if (hot == nullptr) return 2;
    for (int i = 0; i < 100; ++i)
        hot->call(i, hot->guard);
    const long before = allocations;
    repeat(*hot, std::atoi(argv[2]));
    std::printf("%ld allocations\n", allocations - before);
}
