#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace keel::detail {

/// The p-th percentile of recent latencies, by nearest rank, from a histogram whose buckets are an eighth of a power of
/// two wide, so at most an eighth too high. Every `decay_after` latencies all counts are halved: the recent ones
/// outweigh the others.
///
/// Thread-safe without a read-modify-write: of two that are counted at the same instant one may be lost, which moves
/// the percentile by less than a bucket does.
class latency_percentile {
  public:
    static constexpr std::uint32_t decay_after = 1024;
    static constexpr std::uint32_t look_after = 32; ///< latencies, and again after each so many

    /// `p`: above 0 and below 1.
    void count(nanos latency, double p) noexcept {
        add_one(counts_[bucket_of(latency)]);
        const std::uint32_t total = add_one(total_);
        if (total % look_after == 0) look(total, p);
    }
    /// Negative as long as there are fewer than `look_after` latencies.
    nanos value() const noexcept { return nanos(value_.load(std::memory_order_relaxed)); }

  private:
    // Below 2^10 ns, a microsecond, all is one; so is what is beyond 2^40 ns, 18 minutes.
    static constexpr unsigned lowest = 10;
    static constexpr unsigned highest = 40;
    static constexpr std::size_t buckets = (highest - lowest) * 8 + 1;

    static std::size_t bucket_of(nanos latency) noexcept {
        if (latency.count < (std::int64_t{1} << lowest)) return 0;
        if (latency.count >= (std::int64_t{1} << highest)) return buckets - 1;
        const auto n = static_cast<std::uint64_t>(latency.count);
        const auto power = static_cast<unsigned>(std::bit_width(n)) - 1;
        return (power - lowest) * 8 + ((n >> (power - 3)) & 7);
    }
    /// The first latency that is beyond the bucket.
    static std::int64_t end_of(std::size_t bucket) noexcept {
        return static_cast<std::int64_t>(bucket % 8 + 9) << (bucket / 8 + lowest - 3);
    }

    static std::uint32_t add_one(std::atomic<std::uint32_t>& n) noexcept {
        const std::uint32_t more = n.load(std::memory_order_relaxed) + 1;
        n.store(more, std::memory_order_relaxed);
        return more;
    }
    void look(std::uint32_t total, double p) noexcept {
        std::uint32_t all = 0;
        for (const auto& each : counts_)
            all += each.load(std::memory_order_relaxed);
        const double exact = p * static_cast<double>(all);
        auto rank = static_cast<std::uint32_t>(exact);
        if (rank < exact) ++rank;
        std::size_t at = 0;
        for (std::uint32_t below = 0; at + 1 < buckets; ++at) {
            below += counts_[at].load(std::memory_order_relaxed);
            if (below >= rank) break;
        }
        value_.store(end_of(at), std::memory_order_relaxed);
        if (total >= decay_after) decay();
    }
    void decay() noexcept {
        total_.store(0, std::memory_order_relaxed);
        for (auto& each : counts_)
            each.store(each.load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
    }

    std::atomic<std::uint32_t> counts_[buckets]{};
    std::atomic<std::uint32_t> total_{0}; ///< since all were halved
    std::atomic<std::int64_t> value_{-1};
};

} // namespace keel::detail
