#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"

#include <cstdint>

namespace keel {

/// closed: calls pass and are counted. open: calls are refused until the open period is over. half_open: some calls
/// pass as probes, and decide. And by hand: forced_open refuses, and disabled lets pass uncounted, until told
/// otherwise; metrics_only counts, and never opens.
enum class circuit_state : std::uint8_t { closed, open, half_open, forced_open, disabled, metrics_only };

/// The name of the enumerator. Never null.
constexpr const char* name(circuit_state s) noexcept {
    switch (s) {
    case circuit_state::closed:
        return "closed";
    case circuit_state::open:
        return "open";
    case circuit_state::half_open:
        return "half_open";
    case circuit_state::forced_open:
        return "forced_open";
    case circuit_state::disabled:
        return "disabled";
    case circuit_state::metrics_only:
        return "metrics_only";
    }
    return "unknown";
}

namespace detail {

/// All of a circuit's state in 64 bits. The layout depends on the state:
///
///     closed     0 | 000 (steady) or 001 (warming up) | ... | generation
///     half-open  0 | 010 | returned:1 re-trips:5 lease:4 slow-failed slow failed recorded granted:6 | generation
///     by hand    0 | 011 (forced open), 100 (disabled), 101 (metrics only) | ... | generation
///     open       1 | re-trips:5 | time of the first probe:58
///
/// A generation has 20 bits, and each of the five counts of probes 6.
///
/// The time is exact to the nanosecond and compared by its distance from now, modulo 9.1 years; a distance above the
/// longest open period means that the clock has leapt past it.
/// An open circuit has no generation: nothing is granted in it. `GenerationBits` is smaller in tests only.
template <unsigned GenerationBits = 20>
struct basic_circuit_word {
    std::uint64_t bits = 0;

    static constexpr unsigned generation_bits = GenerationBits;
    static constexpr std::uint64_t generation_mask = (std::uint64_t{1} << GenerationBits) - 1;
    static constexpr int most_probes = 63;
    static constexpr unsigned most_retrips = 31;

    friend constexpr bool operator==(basic_circuit_word, basic_circuit_word) = default;

    // One comparison on the healthy path.
    constexpr bool is_steady() const noexcept { return bits <= generation_mask; }
    constexpr bool is_closed() const noexcept { return bits >> 61 == 0; }
    constexpr bool is_open() const noexcept { return bits >> 63 != 0; }
    constexpr bool is_half_open() const noexcept { return bits >> 60 == half_open_code; }
    constexpr bool is_forced_open() const noexcept { return bits >> 60 == forced_open_code; }
    constexpr bool is_disabled() const noexcept { return bits >> 60 == disabled_code; }
    constexpr bool is_metrics_only() const noexcept { return bits >> 60 == metrics_only_code; }
    constexpr std::uint64_t generation() const noexcept { return bits & generation_mask; }
    constexpr circuit_state state() const noexcept {
        if (is_open()) return circuit_state::open;
        switch (bits >> 60) {
        case half_open_code:
            return circuit_state::half_open;
        case forced_open_code:
            return circuit_state::forced_open;
        case disabled_code:
            return circuit_state::disabled;
        case metrics_only_code:
            return circuit_state::metrics_only;
        default:
            return circuit_state::closed;
        }
    }

    static constexpr basic_circuit_word warming(std::uint64_t generation) noexcept {
        return coded(warming_code, generation);
    }
    static constexpr basic_circuit_word forced_open(std::uint64_t generation) noexcept {
        return coded(forced_open_code, generation);
    }
    static constexpr basic_circuit_word disabled(std::uint64_t generation) noexcept {
        return coded(disabled_code, generation);
    }
    static constexpr basic_circuit_word metrics_only(std::uint64_t generation) noexcept {
        return coded(metrics_only_code, generation);
    }
    constexpr basic_circuit_word steady() const noexcept { return {generation()}; }
    constexpr basic_circuit_word unsteady() const noexcept { return warming(generation()); }

    static constexpr basic_circuit_word open(time_point until, unsigned retrips) noexcept {
        const unsigned kept = retrips < most_retrips ? retrips : most_retrips;
        return {one << 63 | std::uint64_t{kept} << time_bits | (ticks(until) & time_mask)};
    }
    /// How long an open circuit still refuses; 0 once its period, which lasts `longest` at most, has passed.
    constexpr nanos until_probe(time_point now, nanos longest) const noexcept {
        const std::uint64_t left = (bits - ticks(now)) & time_mask;
        return nanos(left > static_cast<std::uint64_t>(longest.count) ? 0 : static_cast<std::int64_t>(left));
    }

    static constexpr basic_circuit_word half_open(std::uint64_t generation, unsigned retrips) noexcept {
        return {coded(half_open_code, generation).bits | std::uint64_t{retrips} << retrips_at};
    }
    constexpr unsigned retrips() const noexcept {
        return static_cast<unsigned>(bits >> (is_open() ? time_bits : retrips_at)) & most_retrips;
    }
    constexpr unsigned lease() const noexcept { return static_cast<unsigned>(bits >> lease_at & lease_mask); }
    constexpr int granted() const noexcept { return field(granted_at); }
    constexpr int recorded() const noexcept { return field(recorded_at); }
    constexpr int failed() const noexcept { return field(failed_at); }
    constexpr int slow() const noexcept { return field(slow_at); }
    constexpr int slow_failed() const noexcept { return field(slow_failed_at); }

    constexpr basic_circuit_word with_grant() const noexcept { return {bits + (one << granted_at)}; }
    /// Flips a bit, so that a word that got a permit back and granted it anew differs from what it was: a thread that
    /// has found the first permit's lease over can't take over the second. If both happen twice meanwhile, it can.
    constexpr basic_circuit_word without_grant() const noexcept {
        return {(bits - (one << granted_at)) ^ (one << returned_at)};
    }
    constexpr basic_circuit_word with_result(bool failure, bool too_slow) const noexcept {
        return {bits + (one << recorded_at) + (failure ? one << failed_at : 0) + (too_slow ? one << slow_at : 0) +
                (failure && too_slow ? one << slow_failed_at : 0)};
    }
    /// All probes that are out are given up and one is granted anew. The lease number makes every such word differ.
    constexpr basic_circuit_word with_takeover() const noexcept {
        const std::uint64_t lease = (bits + (one << lease_at)) & (lease_mask << lease_at);
        const std::uint64_t rest = bits & ~((lease_mask << lease_at) | (field_mask << granted_at));
        return {rest | lease | static_cast<std::uint64_t>(recorded() + 1) << granted_at};
    }

  private:
    static constexpr std::uint64_t one = 1;
    static constexpr unsigned time_bits = 58;
    static constexpr std::uint64_t time_mask = (one << time_bits) - 1;
    static constexpr std::uint64_t lease_mask = 15;
    static constexpr std::uint64_t field_mask = most_probes;
    static constexpr std::uint64_t warming_code = 1, half_open_code = 2, forced_open_code = 3, disabled_code = 4,
                                   metrics_only_code = 5;
    static constexpr unsigned granted_at = 20, recorded_at = 26, failed_at = 32, slow_at = 38, slow_failed_at = 44,
                              lease_at = 50, retrips_at = 54, returned_at = 59;

    static constexpr basic_circuit_word coded(std::uint64_t code, std::uint64_t generation) noexcept {
        return {code << 60 | (generation & generation_mask)};
    }
    static constexpr std::uint64_t ticks(time_point t) noexcept {
        return static_cast<std::uint64_t>(t.time_since_epoch().count());
    }
    constexpr int field(unsigned at) const noexcept { return static_cast<int>(bits >> at & field_mask); }
};

using circuit_word = basic_circuit_word<>;

} // namespace detail
} // namespace keel
