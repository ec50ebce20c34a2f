#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "timer_wheel.hpp"
#include "wire.hpp"

#include <keel/keel.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <system_error>
#include <utility>

namespace order_gateway {

/// How a request ended: answered, well or with a reject; answered that the exchange can't take it; given up; never
/// sent.
enum class fate : std::uint8_t { done, rejected, failed, timed_out, refused };

struct tally {
    std::uint64_t submitted = 0;
    std::array<std::uint64_t, 5> ended{}; ///< by `fate`
    std::uint64_t messages = 0;           ///< what was sent: one for each attempt
    std::uint64_t again = 0;              ///< attempts after the first
    std::uint64_t answers = 0;            ///< to a request that was waiting for it
    std::uint64_t late = 0;               ///< answers to what was given up before

    std::uint64_t of(fate f) const noexcept { return ended[static_cast<std::size_t>(f)]; }
    std::uint64_t ended_in_all() const noexcept {
        return std::accumulate(ended.begin(), ended.end(), std::uint64_t{0});
    }
};

/// What becomes a ticket where `emplace` puts it. To move one there that has just been written costs more than the
/// call.
template <class Guard>
struct begun {
    Guard& guard;
    operator decltype(std::declval<Guard&>().begin())() const { return guard.begin(); }
};

/// The requests of one kind that are under way, each with its ticket: `Guard` is a pipeline, or `unguarded`. Everything
/// is in place before the first request, so nothing is allocated. Belongs to the thread of the event loop.
template <class Guard>
class desk {
  public:
    desk(connection& link, std::uint16_t number)
      : link_(link)
      , number_(number) {
        std::iota(free_.begin(), free_.end(), std::uint16_t{0});
    }

    bool has_room() const noexcept { return in_flight_ < most_in_flight; }
    bool is_idle() const noexcept { return in_flight_ == 0; }
    /// Whether there is an answer to everything that was sent, be it a late one.
    bool is_answered() const noexcept { return tally_.answers + tally_.late == tally_.messages; }
    const tally& counts() const noexcept { return tally_; }

    /// Only while it has room.
    void submit(std::int64_t price, std::uint32_t quantity) {
        const auto began = std::chrono::steady_clock::now().time_since_epoch();
        slot& s = slots_[free_[in_flight_++]];
        ++tally_.submitted;
        s.call.emplace(begun<Guard>{guard_});
        s.sent = {.sequence = 0,
                  .sent_at = std::chrono::nanoseconds(began).count(),
                  .price = price,
                  .quantity = quantity,
                  .slot = static_cast<std::uint16_t>(&s - slots_.data()),
                  .desk = number_};
        attempt(s);
    }

    /// `then(r, a)` if its request `r` was waiting for it.
    template <class Then>
    void take(const answer& a, Then&& then) {
        slot& s = slots_.at(a.slot);
        // Every attempt has a sequence number of its own: what comes for an earlier one is late.
        if (!s.call || !*s.call || s.sent.sequence != a.sequence) {
            ++tally_.late;
            return;
        }
        ++tally_.answers;
        const request r = s.sent;
        if (a.verdict == verdict::busy)
            settle(s, fate::failed, s.call->failure(std::make_error_code(std::errc::resource_unavailable_try_again)));
        else // a reject is an answer: it says that the exchange is well
            settle(s, a.verdict == verdict::done ? fate::done : fate::rejected, s.call->success());
        then(r, a);
    }

    /// Once per turn: gives up what is past its deadline, and goes on with what has waited.
    void turn() {
        wheel_.turn(keel::cached_clock::now(), [this](slot& s) {
            if (s.call->waiting()) {
                tally_.again += s.call->resume();
                attempt(s);
            } else {
                settle(s, fate::timed_out, s.call->failure(make_error_code(keel::errc::timed_out)));
            }
        });
    }

  private:
    static constexpr std::size_t most_in_flight = 8;

    struct slot : timer<slot> {
        std::optional<decltype(std::declval<Guard&>().begin())> call; // none: the slot is free
        request sent;
        fate ends_as{}; // unless another attempt ends otherwise
    };

    void attempt(slot& s) {
        if (s.call->waiting()) return wheel_.set(s, keel::cached_clock::now() + s.call->delay());
        if (!*s.call) return end(s); // refused
        s.sent.sequence = tally_.messages++;
        link_.send(s.sent);
        wheel_.set(s, s.call->deadline());
    }
    void settle(slot& s, fate how, keel::again next) {
        s.ends_as = how;
        if (next)
            wheel_.set(s, keel::cached_clock::now() + next.delay);
        else
            end(s);
    }
    void end(slot& s) {
        const keel::errc e = s.call->error();
        const fate f = e == keel::errc::timed_out ? fate::timed_out : e != keel::errc{} ? fate::refused : s.ends_as;
        ++tally_.ended[static_cast<std::size_t>(f)];
        wheel_.cancel(s);
        s.call.reset();
        free_[--in_flight_] = static_cast<std::uint16_t>(&s - slots_.data());
    }

    connection& link_;
    Guard guard_;
    std::uint16_t number_;
    std::size_t in_flight_ = 0;
    std::array<slot, most_in_flight> slots_{};
    std::array<std::uint16_t, most_in_flight> free_; // from `in_flight_` on
    timer_wheel<slot> wheel_;
    tally tally_;
};

} // namespace order_gateway
