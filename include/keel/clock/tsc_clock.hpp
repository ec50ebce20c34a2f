#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/fail.hpp"
#include "../duration.hpp"
#include "steady_clock.hpp"

#include <chrono>
#include <cstdint>
#include <system_error>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace keel {

/// The processor's time-stamp counter, scaled to nanoseconds: 11 ns a reading here. The first one made in a process
/// takes 10 ms to measure the counter against `steady_clock`; from then on it does not follow the corrections that
/// the kernel makes to that clock, so the two drift apart by some parts per million.
///
/// Refuses machines whose counter is not invariant: throws `std::system_error` with `errc::not_supported`.
class tsc_clock {
  public:
    tsc_clock()
      : scale_(calibrated()) {}

    /// Whether the counter runs at one rate in every power state (CPUID 8000'0007h, EDX bit 8).
    static bool is_supported() noexcept {
#if defined(__x86_64__)
        unsigned a = 0, b = 0, c = 0, d = 0;
        return __get_cpuid(0x8000'0007, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
#else
        return false;
#endif
    }

    time_point now() const noexcept {
        // A counter that reads slightly less on another core must not become an enormous unsigned distance.
        const auto elapsed = static_cast<std::int64_t>(counter() - scale_.start);
        const auto ns = static_cast<std::int64_t>((static_cast<wide>(elapsed) * scale_.ns_per_tick) >> fraction_bits);
        return scale_.epoch + std::chrono::nanoseconds(ns);
    }

    void sleep_until(time_point t) const noexcept {
        for (time_point seen = now(); seen < t; seen = now())
            steady_clock::sleep_until(steady_clock::now() + (t - seen));
    }

  private:
    __extension__ using wide = __int128;
    static constexpr int fraction_bits = 32;

    struct scale {
        std::uint64_t start;      // the counter's value at `epoch`
        time_point epoch;         // of the steady clock
        std::int64_t ns_per_tick; // with `fraction_bits` binary places
    };

    static std::uint64_t counter() noexcept {
#if defined(__x86_64__)
        return __builtin_ia32_rdtsc(); // without <x86intrin.h>, which takes a quarter of a second to compile
#else
        return 0;
#endif
    }

    struct reading {
        std::uint64_t ticks;
        time_point time;
    };
    // Of several pairs of readings the one that took the least time: an interrupt between the two would skew the scale.
    static reading both() noexcept {
        reading best{};
        std::uint64_t shortest = ~std::uint64_t{0};
        for (int i = 0; i < 16; ++i) {
            const std::uint64_t before = counter();
            const time_point time = steady_clock::now();
            const std::uint64_t took = counter() - before;
            if (took < shortest) {
                shortest = took;
                best = {before + took / 2, time};
            }
        }
        return best;
    }

    static const scale& calibrated() {
        if (!is_supported())
            detail::fail(std::errc::not_supported,
                         "keel::tsc_clock: this machine's time-stamp counter is not invariant");
        static const scale once = [] {
            const reading first = both();
            while (steady_clock::now() - first.time < std::chrono::milliseconds(10)) {
            }
            const reading last = both();
            const auto ns = static_cast<wide>((last.time - first.time).count()) << fraction_bits;
            return scale{first.ticks, first.time,
                         static_cast<std::int64_t>(ns / static_cast<wide>(last.ticks - first.ticks))};
        }();
        return once;
    }

    scale scale_;
};

} // namespace keel
