#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <atomic>
#include <cstdint>
#include <limits>
#include <time.h>

namespace keel {

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): 64 bits of state, period
/// 2^64, a standard uniform random bit generator. Good for jitter, not for secrets.
class random_source {
  public:
    using result_type = std::uint64_t;
    static constexpr result_type min() noexcept { return 0; }
    static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }

    constexpr explicit random_source(std::uint64_t seed = 0) noexcept
      : state_(seed) {}
    constexpr void seed(std::uint64_t seed) noexcept { state_ = seed; }
    /// Goes on as if `n` numbers had been drawn, in no more time for many than for one.
    constexpr void discard(std::uint64_t n) noexcept { state_ += n * step; }

    constexpr result_type operator()() noexcept {
        state_ += step;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
        return z ^ (z >> 31);
    }

    /// Uniform in [0, 1): 53 random bits.
    constexpr double unit() noexcept { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

  private:
    static constexpr std::uint64_t step = 0x9e37'79b9'7f4a'7c15;

    std::uint64_t state_;
};

/// The calling thread's generator, which jitter draws from. Differs between threads and runs until it is seeded:
/// `thread_random().seed(42)` makes this thread's delays repeatable.
inline random_source& thread_random() noexcept {
    thread_local random_source mine = [] {
        static std::atomic<std::uint64_t> threads{0};
        ::timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        // Mixed twice, for times and thread numbers differ in few bits. The address differs between processes.
        random_source mixer(static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'007 +
                            static_cast<std::uint64_t>(now.tv_nsec));
        mixer.seed(mixer() ^ reinterpret_cast<std::uintptr_t>(&threads));
        mixer.seed(mixer() + threads.fetch_add(1, std::memory_order_relaxed));
        return random_source(mixer());
    }();
    return mine;
}

} // namespace keel
