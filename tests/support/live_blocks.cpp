// SPDX-License-Identifier: BSL-1.0
#include "live_blocks.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_BLOCKS 0
#elif defined(__has_feature)
#define COUNTS_BLOCKS !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#else
#define COUNTS_BLOCKS 1
#endif

static std::atomic<long> live{0};

long support::live_blocks() noexcept { return live; }

#if COUNTS_BLOCKS
void* operator new(std::size_t n) {
    void* const p = std::malloc(n == 0 ? 1 : n);
    if (p == nullptr) throw std::bad_alloc();
    ++live;
    return p;
}
void operator delete(void* p) noexcept {
    if (p != nullptr) --live;
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }
#endif
