#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"
#include "../sync/atomics.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace keel::detail {

/// The p-th percentile of recent latencies, by nearest rank: of n in order, the one at place ceil(p * n). From a
/// histogram whose buckets are an eighth of a power of two wide; the end of its bucket stands for each latency, so what
/// this says is at most an eighth too high. After every `halve_after` latencies all counts are halved: the recent ones
/// outweigh the others.
///
/// Thread-safe and lock-free. What others count while one thread looks may be left out until the next look.
template <class Atomics = std_atomics>
class basic_latency_percentile {
  public:
    static constexpr unsigned halve_after = 1024;
    static constexpr unsigned look_after = 32; ///< latencies, and again after each so many

    /// `p`: above 0 and below 1, the same each time.
    void count(nanos latency, double p) noexcept {
        counts_[bucket_of(latency)].fetch_add(1, std::memory_order_relaxed);
        const unsigned total = total_.fetch_add(1, std::memory_order_relaxed) + 1U;
        if (total % look_after == 0) look(p);
        if (total % halve_after == 0) halve();
    }
    /// Negative as long as there are fewer than `look_after` latencies.
    nanos value() const noexcept { return nanos(value_.load(std::memory_order_relaxed)); }

  private:
    // What is shorter than 2^10 ns, a microsecond, is as long as that here; what is longer than 2^40 ns, 18 minutes,
    // too.
    static constexpr unsigned lowest = 10;
    static constexpr unsigned highest = 40;
    static constexpr std::size_t buckets = (highest - lowest) * 8 + 1;

    static std::size_t bucket_of(nanos latency) noexcept {
        if (latency.count < (std::int64_t{1} << lowest)) return 0;
        if (latency.count >= (std::int64_t{1} << highest)) return buckets - 1;
        const auto n = static_cast<std::uint64_t>(latency.count);
        const auto power = static_cast<unsigned>(std::bit_width(n)) - 1;
        return std::size_t{power - lowest} * 8 + ((n >> (power - 3)) & 7);
    }
    /// The first latency that is beyond the bucket.
    static std::int64_t end_of(std::size_t bucket) noexcept {
        return static_cast<std::int64_t>(bucket % 8 + 9) << (bucket / 8 + lowest - 3);
    }

    void look(double p) noexcept {
        // A copy, so that the counts add up to their sum.
        std::array<std::uint32_t, buckets> counts;
        std::uint32_t all = 0;
        for (std::size_t i = 0; i < buckets; ++i) {
            counts[i] = counts_[i].load(std::memory_order_relaxed);
            all += counts[i];
        }
        const double exact = p * static_cast<double>(all);
        auto rank = static_cast<std::uint32_t>(exact);
        if (rank < exact) ++rank;
        std::size_t at = 0;
        for (std::uint32_t so_far = counts[0]; so_far < rank; so_far += counts[at])
            ++at;
        value_.store(end_of(at), std::memory_order_relaxed);
    }
    // What is left over of a count goes to the next bucket: a percentile far up, whose latencies are alone in theirs,
    // would be lost otherwise.
    void halve() noexcept {
        std::uint32_t left = 0;
        for (auto& each : counts_) {
            std::uint32_t n = each.load(std::memory_order_relaxed);
            while (!each.compare_exchange_weak(n, (n + left) / 2, std::memory_order_relaxed)) {
            }
            left = (n + left) % 2;
        }
    }

    typename Atomics::template atomic<std::uint32_t> counts_[buckets]{};
    typename Atomics::template atomic<std::uint16_t> total_{0}; ///< wraps, at a multiple of both steps
    typename Atomics::template atomic<std::int64_t> value_{-1};
};

using latency_percentile = basic_latency_percentile<>;

} // namespace keel::detail
