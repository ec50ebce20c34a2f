#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "polling.hpp"
#include "wire.hpp"

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>

namespace order_gateway {

/// How the exchange deals with requests.
enum class mood : std::uint32_t {
    well,    ///< answers them
    flaky,   ///< answers that it is busy to every fifth of each desk
    busy,    ///< answers that to all
    stalled, ///< answers them all when it is well again, and none before
};

/// The other end, in a thread of its own: it ends when the gateway hangs up, and its destructor waits for that. What it
/// does depends on how many requests have come, and never on the time.
class exchange {
  public:
    struct totals {
        std::uint64_t requests = 0;
        std::uint64_t answers = 0;
        std::uint64_t out_of_order = 0;
    };

    static constexpr std::uint32_t longest_stall = 64;

    explicit exchange(connection to_gateway)
      : link_(std::move(to_gateway))
      , thread_([this] { run(); }) {}

    /// The next `requests`, above 0, find it in that mood, and those after them find it well. To be called while no
    /// request is under way.
    void next(mood m, std::uint32_t requests) {
        assert(m != mood::stalled || requests <= longest_stall);
        next_.store({m, requests});
    }
    /// Once the gateway has hung up.
    totals join() {
        thread_.join();
        return totals_;
    }

  private:
    struct spell {
        mood m = mood::well;
        std::uint32_t requests = 0;
    };

    void run() try {
        polling loop;
        while (!link_.is_closed())
            loop.turned(link_.receive<request>([this](const request& r) { take(r); }));
    } catch (const std::system_error&) { // the gateway has hung up in the middle of something
    }
    void take(const request& r) {
        ++totals_.requests;
        totals_.out_of_order += r.sequence != seen_[r.desk]++;
        if (const spell next = next_.exchange({}); next.requests != 0) now_ = next;
        const mood m = now_.requests == 0 ? mood::well : now_.m;
        if (now_.requests != 0) --now_.requests;

        const bool is_busy = m == mood::busy || (m == mood::flaky && seen_[r.desk] % 5 == 0);
        const answer a{.sequence = r.sequence,
                       .sent_at = r.sent_at,
                       .price = r.price,
                       .slot = r.slot,
                       .desk = r.desk,
                       .verdict = is_busy       ? verdict::busy
                                  : r.price > 0 ? verdict::done
                                                : verdict::bad_price};
        held_[held_size_++] = a;
        if (m == mood::stalled && now_.requests != 0) return;
        for (std::size_t i = 0; i < held_size_; ++i)
            link_.send(held_[i]);
        totals_.answers += std::exchange(held_size_, 0);
    }

    connection link_;
    std::atomic<spell> next_{};
    spell now_;
    std::array<std::uint64_t, 3> seen_{}; // of each desk
    std::array<answer, longest_stall> held_;
    std::size_t held_size_ = 0;
    totals totals_;
    std::jthread thread_; // the last: it uses the others
};

} // namespace order_gateway
