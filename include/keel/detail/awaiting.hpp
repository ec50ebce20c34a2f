#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../clock.hpp"
#include "../duration.hpp"
#include "flights.hpp"
#include "lesser.hpp"
#include "macros.hpp"

#include <concepts>
#include <condition_variable>

namespace keel::detail {

/// Whether a clock goes on at the pace of the steady clock while its reader waits for something else than the clock.
template <class Clock>
inline constexpr bool goes_on_by_itself = std::same_as<Clock, steady_clock> || std::same_as<Clock, coarse_clock> ||
                                          std::same_as<Clock, cached_clock> || std::same_as<Clock, tsc_clock>;

/// How long a follower waits: until it is woken, or no longer than its call may go on.
enum class patience : bool { endless, as_told };

/// Whether the follower leads, or has a result, before its call may go on no longer. Woken by a clock of which
/// `goes_on_by_itself`; otherwise looks after 50 us, then 100 us, and so on up to every millisecond. `held` is the lock
/// of `those`. If the clock's sleep throws, the follower has withdrawn.
template <class Clock, class Key, class R>
bool await(flights<Key, R>& those, typename flights<Key, R>::lock& held, follower<Key, R>& me, call& c, patience p) {
    constexpr bool wakes = goes_on_by_itself<Clock>;
    // Who is woken has to look only for a request to stop, which wakes nobody.
    constexpr nanos shortest{wakes ? 10'000'000 : 50'000}, longest{wakes ? 10'000'000 : 1'000'000};
    nanos look = shortest;
    for (; me.plays == follower<Key, R>::part::follows; look = lesser(nanos(2 * look.count), longest)) {
        if (!c.may_try()) return false;
        if (wakes && p == patience::endless) {
            me.woken.wait(held);
            continue;
        }
        const time_point until = lesser(c.deadline, c.now() + look);
        if (wakes && me.woken.wait_for(held, until - c.now()) == std::cv_status::no_timeout) {
            c.turn();
            continue;
        }
        held.unlock();
        // Where somebody has to advance the clock, this does.
        KEEL_TRY { c.wait_until(until); }
        KEEL_CATCH_ALL {
            those.withdraw(me);
            KEEL_RETHROW;
        }
        held.lock();
    }
    return true;
}

} // namespace keel::detail
