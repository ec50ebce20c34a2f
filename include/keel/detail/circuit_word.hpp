#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"

#include <cstdint>

namespace keel {

/// closed: calls pass and are counted. open: calls are refused. half_open: some calls pass as probes and decide.
enum class circuit_state : std::uint8_t { closed, open, half_open };

namespace detail {

/// All of a circuit's state in 64 bits. The layout depends on the state:
///
///     closed       0 | 000 (steady) or 001 (warming up)            | ... | generation
///     half-open    0 | 010 | re-trips:5 lease:4 failed:7 recorded:7 granted:7 | generation
///     open         1 | re-trips:5 | time of the first probe:58
///
/// The time is exact to the nanosecond and compared by its distance from now, modulo 9.1 years; a distance above the
/// longest open period means that the clock has leapt past it.
/// An open circuit has no generation: nothing is granted in it. `GenerationBits` is smaller in tests only.
template <unsigned GenerationBits = 24>
struct basic_circuit_word {
    std::uint64_t bits = 0;

    static constexpr unsigned generation_bits = GenerationBits;
    static constexpr std::uint64_t generation_mask = (std::uint64_t{1} << GenerationBits) - 1;
    static constexpr int most_probes = 127;
    static constexpr unsigned most_retrips = 31;

    friend constexpr bool operator==(basic_circuit_word, basic_circuit_word) = default;

    // One comparison on the healthy path.
    constexpr bool is_steady() const noexcept { return bits <= generation_mask; }
    constexpr bool is_closed() const noexcept { return bits >> 61 == 0; }
    constexpr bool is_open() const noexcept { return bits >> 63 != 0; }
    constexpr bool is_half_open() const noexcept { return bits >> 60 == 2; }
    constexpr std::uint64_t generation() const noexcept { return bits & generation_mask; }

    static constexpr basic_circuit_word warming(std::uint64_t generation) noexcept {
        return {std::uint64_t{1} << 60 | (generation & generation_mask)};
    }
    constexpr basic_circuit_word steady() const noexcept { return {generation()}; }
    constexpr basic_circuit_word unsteady() const noexcept { return warming(generation()); }

    static constexpr basic_circuit_word open(time_point until, unsigned retrips) noexcept {
        const unsigned kept = retrips < most_retrips ? retrips : most_retrips;
        return {std::uint64_t{1} << 63 | std::uint64_t{kept} << 58 | (ticks(until) & time_mask)};
    }
    /// Whether an open period that lasts `longest` at most has passed.
    constexpr bool is_over(time_point now, nanos longest) const noexcept {
        const std::uint64_t left = (bits - ticks(now)) & time_mask;
        return left == 0 || left > static_cast<std::uint64_t>(longest.count);
    }

    static constexpr basic_circuit_word half_open(std::uint64_t generation, unsigned retrips) noexcept {
        return {std::uint64_t{2} << 60 | std::uint64_t{retrips} << retrips_at | (generation & generation_mask)};
    }
    constexpr unsigned retrips() const noexcept {
        return static_cast<unsigned>(bits >> (is_open() ? 58 : retrips_at)) & 31;
    }
    constexpr unsigned lease() const noexcept { return static_cast<unsigned>(bits >> lease_at) & 15; }
    constexpr int granted() const noexcept { return field(granted_at); }
    constexpr int recorded() const noexcept { return field(recorded_at); }
    constexpr int failed() const noexcept { return field(failed_at); }

    constexpr basic_circuit_word with_grant() const noexcept { return {bits + (one << granted_at)}; }
    constexpr basic_circuit_word without_grant() const noexcept { return {bits - (one << granted_at)}; }
    constexpr basic_circuit_word with_result(bool failure) const noexcept {
        return {bits + (one << recorded_at) + (failure ? one << failed_at : 0)};
    }
    /// All probes that are out are given up and one is granted anew. The lease number makes every such word differ.
    constexpr basic_circuit_word with_takeover() const noexcept {
        const std::uint64_t lease = (bits + (one << lease_at)) & (std::uint64_t{15} << lease_at);
        const std::uint64_t rest = bits & ~((std::uint64_t{15} << lease_at) | (std::uint64_t{127} << granted_at));
        return {rest | lease | static_cast<std::uint64_t>(recorded() + 1) << granted_at};
    }

  private:
    static constexpr std::uint64_t one = 1;
    static constexpr std::uint64_t time_mask = (one << 58) - 1;
    static constexpr unsigned granted_at = 24, recorded_at = 31, failed_at = 38, lease_at = 45, retrips_at = 49;

    static constexpr std::uint64_t ticks(time_point t) noexcept {
        return static_cast<std::uint64_t>(t.time_since_epoch().count());
    }
    constexpr int field(unsigned at) const noexcept { return static_cast<int>(bits >> at & 127); }
};

using circuit_word = basic_circuit_word<>;

} // namespace detail
} // namespace keel
