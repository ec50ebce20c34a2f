#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../detail/macros.hpp"
#include "atomics.hpp"
#include "cache_line.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace keel {
namespace detail {

/// `places given out:32 | places in line:11 | claims:21`. A claim is a permit that is taken, or one that a caller who
/// is just being refused has yet to give back.
struct permit_word {
    std::uint64_t bits = 0;

    static constexpr std::uint64_t claim = 1, place = std::uint64_t{1} << 21;

    constexpr std::uint32_t claims() const noexcept { return static_cast<std::uint32_t>(bits & (place - 1)); }
    constexpr std::uint32_t in_line() const noexcept { return static_cast<std::uint32_t>(bits) >> 21; }
    constexpr std::uint32_t given_out() const noexcept { return static_cast<std::uint32_t>(bits >> 32); }

    /// A permit is free and nobody waits for it: both in one comparison.
    constexpr bool has_free(std::uint32_t permits) const noexcept { return static_cast<std::uint32_t>(bits) < permits; }
};

} // namespace detail

/// Permits, all in one atomic word, and a line of callers that wait for one: first come, first served. Nobody is woken:
/// a waiting caller looks now and then whether a permit has been handed over to its place. How many permits there are,
/// at most `most_permits`, is passed with each call, and must always be the same.
///
/// Thread-safe and lock-free. What the holder of a permit did before it gave that back is visible to the next one.
///
/// `Places` bounds the line, a power of two from 2 to 1024. The numbers of places wrap after 2^`TicketBits`: a waiting
/// caller misses a hand-over only if exactly so many others have been in line between two of its looks, which takes 40
/// s of nothing else.
template <std::uint32_t Places, class Atomics = std_atomics, unsigned TicketBits = 32>
class fair_permits {
    static_assert(std::has_single_bit(Places) && Places >= 2 && Places <= 1024,
                  "keel: the places in line must be a power of two from 2 to 1024");
    static_assert(TicketBits <= 32 && Places < std::uint64_t{1} << TicketBits);

  public:
    static constexpr std::uint32_t places = Places;
    /// Half of what the word can count: the rest is for claims of callers that are just being refused.
    static constexpr std::uint32_t most_permits = 1'000'000;

    /// A place in line. It ends when `is_handed_over` returns true, or `leave` is called.
    enum class ticket : std::uint32_t {};

    constexpr fair_permits() = default;
    fair_permits(const fair_permits&) = delete;
    fair_permits& operator=(const fair_permits&) = delete;

    /// Takes a permit that is free, unless somebody is in line: one read-modify-write, or none where it refuses at
    /// once. For a moment, others who are just asking count as if they had permits; but of several who ask at once for
    /// the last one, one gets it.
    KEEL_ALWAYS_INLINE bool try_take(std::uint32_t permits) noexcept {
        // Without this look, callers that are refused would contend for the word with those that give back.
        if (!word{word_.load(std::memory_order_relaxed)}.has_free(permits)) [[unlikely]]
            return false;
        // Acquire pairs with the release in give_back().
        const word before{word_.fetch_add(word::claim, std::memory_order_acquire)};
        return before.has_free(permits) || keep_claim(permits);
    }

    /// Whether `try_take` would refuse.
    KEEL_ALWAYS_INLINE bool is_full(std::uint32_t permits) const noexcept {
        return !word{word_.load(std::memory_order_relaxed)}.has_free(permits);
    }

    /// Gives back a permit: one read-modify-write. If there is a line, hands over what is free: at least two more.
    KEEL_ALWAYS_INLINE void give_back(std::uint32_t permits) noexcept {
        const word before{word_.fetch_add(less_a_claim, std::memory_order_release)};
        if (before.in_line() != 0) [[unlikely]]
            hand_over(permits);
    }

    enum class entry { took_permit, in_line, line_is_full };

    /// Takes a permit, or a place in line, whose ticket it puts into `mine`.
    KEEL_COLD entry enter(std::uint32_t permits, ticket& mine) noexcept {
        word seen{word_.load(std::memory_order_relaxed)};
        for (;;) {
            if (seen.has_free(permits)) {
                if (word_.compare_exchange_weak(seen.bits, seen.bits + word::claim, std::memory_order_acquire,
                                                std::memory_order_relaxed))
                    return entry::took_permit;
                continue;
            }
            // While the line is full, the next place is still another's. Acquire pairs with the release in pass_turn():
            // if this place has been used since the word was read, the word below is not the same.
            const std::uint32_t next = seen.given_out();
            if (turn(next).load(std::memory_order_acquire) == turn_of(next)) {
                const std::uint64_t given = std::uint64_t{(next + 1) & ticket_mask} << 32;
                const std::uint64_t line = (seen.bits & 0xffff'ffff) + word::place;
                // Release: who hands this place over comes after what was read of its turn.
                if (word_.compare_exchange_weak(seen.bits, given | line, std::memory_order_release,
                                                std::memory_order_relaxed)) {
                    mine = ticket{next};
                    return entry::in_line;
                }
                continue;
            }
            remove_those_who_left();
            const word now{word_.load(std::memory_order_relaxed)};
            if (now.bits == seen.bits) return entry::line_is_full;
            seen = now;
        }
    }

    /// Whether this place has got a permit.
    bool is_handed_over(ticket t) const noexcept {
        // Acquire pairs with the release in pass_turn(), and so with that of who gave the permit back.
        return turn(place_of(t)).load(std::memory_order_acquire) != turn_of(place_of(t));
    }

    /// Leaves the line. Returns false if a permit has been handed over already: it is the caller's then.
    KEEL_COLD bool leave(ticket t) noexcept {
        std::uint32_t expected = turn_of(place_of(t));
        if (turn(place_of(t)).compare_exchange_strong(expected, expected | gone, std::memory_order_relaxed)) {
            remove_those_who_left();
            return true;
        }
        // Always false. Asked once more for its acquire: from here on the permit is the caller's.
        return !is_handed_over(t);
    }

    /// How many are in line before this place, including those that have left and have not been removed yet.
    std::uint32_t ahead_of(ticket t) const noexcept {
        const word seen{word_.load(std::memory_order_relaxed)};
        const std::uint32_t ahead = (place_of(t) - first_in(seen)) & ticket_mask;
        // It is not in line any more: a permit is on its way.
        return ahead < seen.in_line() ? ahead : 0;
    }

    /// Permits that are taken. Any time, from any thread.
    std::uint32_t in_use(std::uint32_t permits) const noexcept {
        const std::uint32_t claims = word{word_.load(std::memory_order_relaxed)}.claims();
        return claims < permits ? claims : permits;
    }
    /// Places in line, including those of callers that have left behind one that still waits. Any time, from any
    /// thread.
    std::uint32_t waiting() const noexcept { return word{word_.load(std::memory_order_relaxed)}.in_line(); }

  private:
    using word = detail::permit_word;

    static constexpr std::uint64_t less_a_claim = ~std::uint64_t{0};
    static constexpr std::uint32_t ticket_mask = static_cast<std::uint32_t>((std::uint64_t{1} << TicketBits) - 1);
    static constexpr std::uint32_t gone = 1;

    static constexpr std::uint32_t place_of(ticket t) noexcept { return static_cast<std::uint32_t>(t); }
    // Each place in the ring is used in turn by those whose number falls on it. `turn << 1 | gone`.
    static constexpr std::uint32_t turn_of(std::uint32_t place) noexcept { return (place & ticket_mask) / Places << 1; }
    static constexpr std::uint32_t first_in(word w) noexcept { return (w.given_out() - w.in_line()) & ticket_mask; }
    auto& turn(std::uint32_t place) noexcept { return turns_[place % Places]; }
    const auto& turn(std::uint32_t place) const noexcept { return turns_[place % Places]; }

    // More claims than permits, or somebody in line. If that has passed by now, the claim is a permit. Nobody is
    // refused without leaving as many claims as there are permits, so the last of those who ask at once gets one.
    KEEL_COLD bool keep_claim(std::uint32_t permits) noexcept {
        word seen;
        do {
            seen.bits = word_.load(std::memory_order_acquire);
            if (seen.claims() <= permits && seen.in_line() == 0) return true;
        } while (!word_.compare_exchange_weak(seen.bits, seen.bits - word::claim, std::memory_order_relaxed));
        // Somebody may have given back in the meantime and seen no permit free, because of this claim.
        if (seen.in_line() != 0) hand_over(permits);
        return false;
    }

    // Called by whoever has lowered the claims and seen a line. Others do not enter the line while a permit is free
    // and the line is empty, so there is never a free permit and a line without somebody in here.
    KEEL_COLD void hand_over(std::uint32_t permits) noexcept {
        word seen{word_.load(std::memory_order_relaxed)};
        while (seen.in_line() != 0 && seen.claims() < permits) {
            // Acquire: the permit's last holder, and who took the place in line, come before.
            if (!word_.compare_exchange_weak(seen.bits, seen.bits + word::claim - word::place,
                                             std::memory_order_acquire, std::memory_order_relaxed))
                continue;
            const bool was_waiting = pass_turn(first_in(seen));
            if (!was_waiting) word_.fetch_add(less_a_claim, std::memory_order_relaxed);
            seen.bits = word_.load(std::memory_order_relaxed);
        }
    }

    // By whoever has taken this place out of the line. Whether its owner still waits.
    bool pass_turn(std::uint32_t place) noexcept {
        return (turn(place).exchange(turn_of(place + Places), std::memory_order_release) & gone) == 0;
    }

    KEEL_COLD void remove_those_who_left() noexcept {
        word seen{word_.load(std::memory_order_relaxed)};
        while (seen.in_line() != 0) {
            const std::uint32_t first = first_in(seen);
            if (turn(first).load(std::memory_order_relaxed) != (turn_of(first) | gone)) return;
            if (word_.compare_exchange_weak(seen.bits, seen.bits - word::place, std::memory_order_relaxed)) {
                pass_turn(first);
                seen.bits = word_.load(std::memory_order_relaxed);
            }
        }
    }

    using turn_type = typename Atomics::template atomic<std::uint32_t>;

    alignas(cache_line) typename Atomics::template atomic<std::uint64_t> word_{0};
    alignas(cache_line) std::array<turn_type, Places> turns_{};
};

} // namespace keel
