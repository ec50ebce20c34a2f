#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace order_gateway {

/// Round trips in nanoseconds, every one of them kept: percentiles are exact. A round trip beyond 4.2 s counts as that.
class latencies {
  public:
    explicit latencies(std::size_t most)
      : most_(most) {
        all_.reserve(most);
    }

    /// Allocates nothing while there is room.
    void add(std::int64_t ns) {
        constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
        all_.push_back(static_cast<std::uint32_t>(std::clamp<std::int64_t>(ns, 1, most)));
        is_sorted_ = false;
    }
    std::size_t size() const noexcept { return all_.size(); }
    std::size_t room() const noexcept { return all_.size() < most_ ? most_ - all_.size() : 0; }

    /// The shortest that a share `p` of them does not exceed, in microseconds: by nearest rank, `p` from 0 to 1. 0
    /// where there is none.
    double percentile(double p) {
        sort();
        if (all_.empty()) return 0;
        const double rank = std::ceil(p * static_cast<double>(all_.size()));
        return static_cast<double>(all_[static_cast<std::size_t>(std::max(rank, 1.0)) - 1]) / 1000;
    }

  private:
    friend class histogram;
    void sort() {
        if (!is_sorted_) std::sort(all_.begin(), all_.end());
        is_sorted_ = true;
    }

    std::size_t most_;
    std::vector<std::uint32_t> all_;
    bool is_sorted_ = false;
};

/// How many round trips fall into each bin, all bins of one ratio.
class histogram {
  public:
    /// Bins of which `per_octave` are one doubling, from `first` on: bin b begins at 2^(b / per_octave) ns.
    histogram(const latencies& of, int per_octave)
      : per_octave_(per_octave) {
        for (const std::uint32_t ns : of.all_) {
            const auto bin = static_cast<std::size_t>(std::log2(ns) * per_octave);
            if (bin >= counts_.size()) counts_.resize(bin + 1);
            ++counts_[bin];
        }
    }

    std::uint64_t at(std::size_t bin) const noexcept { return bin < counts_.size() ? counts_[bin] : 0; }
    /// The first bin that holds any, and the one after the last.
    std::size_t first() const noexcept {
        const auto found = std::find_if(counts_.begin(), counts_.end(), [](std::uint64_t n) { return n != 0; });
        return static_cast<std::size_t>(found - counts_.begin());
    }
    std::size_t last() const noexcept { return counts_.size(); }
    std::uint64_t most() const noexcept { return counts_.empty() ? 0 : std::ranges::max(counts_); }

    /// Where it begins, in microseconds.
    double begin_of(std::size_t bin) const noexcept { return std::exp2(static_cast<double>(bin) / per_octave_) / 1000; }

  private:
    int per_octave_;
    std::vector<std::uint64_t> counts_;
};

} // namespace order_gateway
