// SPDX-License-Identifier: BSL-1.0
#include "allocations.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#define COUNTS_ALLOCATIONS (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#define COUNTS_ALLOCATIONS 1
#endif

namespace {

std::atomic<long> all{0}, live{0};
std::atomic<std::size_t> largest{0};

#if COUNTS_ALLOCATIONS
void count(std::size_t n) noexcept {
    ++all;
    largest = std::max(largest.load(), n);
}
#endif

} // namespace

bool support::counts_allocations() noexcept { return COUNTS_ALLOCATIONS != 0; }
long support::allocations() noexcept { return all; }
std::size_t support::largest_allocation() noexcept { return largest.exchange(0); }
long support::live_blocks() noexcept { return live; }

#if COUNTS_ALLOCATIONS
void* operator new(std::size_t n) {
    void* const p = std::malloc(n == 0 ? 1 : n);
    if (p == nullptr) throw std::bad_alloc();
    count(n);
    ++live;
    return p;
}
void operator delete(void* p) noexcept {
    if (p != nullptr) --live;
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }

extern "C" void* __libc_memalign(std::size_t alignment, std::size_t n);
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t n) noexcept {
    count(n);
    return __libc_memalign(alignment, n);
}
#endif
