#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../sync/cache_line.hpp"
#include "macros.hpp"
#include "ring.hpp"

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <utility>
#include <variant>

namespace keel::detail {

/// What the leader of a flight has for those who follow it: a result (0), or what was thrown (1).
template <class R>
using landing = std::variant<R, std::exception_ptr>;

/// A key under way. Lives on the stack of the call that leads it, as the key does that it refers to.
template <class Key>
struct flight : ring_place {
    flight(const Key& k, std::size_t h) noexcept
      : key(k)
      , hash(h) {}

    const Key& key;
    const std::size_t hash;
    const ::pthread_t leader = ::pthread_self(); // <thread> would say it less quickly
    ring_place followers;

    bool is_led_by_this_thread() const noexcept { return ::pthread_equal(leader, ::pthread_self()) != 0; }
};

/// A call that waits for the result of a flight, or to be its next leader.
template <class Key, class R>
struct follower : ring_place {
    enum class part { follows, leads, has_landed };

    follower(const Key& key, std::size_t hash) noexcept
      : own(key, hash) {}

    flight<Key> own; // to lead
    part plays = part::follows;
    std::shared_ptr<const landing<R>> brought;
    std::condition_variable woken;
};

/// The flights that share a lock. A leader ends its flight by `land` or by `hand_on`, a follower that gives up leaves
/// by `withdraw`; all of them without the lock. Neither the functions of users nor copies of results run under it, only
/// comparisons of keys.
template <class Key, class R>
class alignas(cache_line) flights {
  public:
    using lock = std::unique_lock<std::mutex>;
    using follower = detail::follower<Key, R>;

    lock locked() const { return lock(guard_); }

    /// Null if that key is not under way. With the lock.
    template <class Equal>
    flight<Key>* find(const Key& key, std::size_t hash, const Equal& equal) const {
        for (ring_place* p = &under_way_.after(); p != &under_way_; p = &p->after()) {
            auto* const f = static_cast<flight<Key>*>(p);
            if (f->hash == hash && equal(f->key, key)) return f;
        }
        return nullptr;
    }
    /// With the lock.
    void begin(flight<Key>& f) noexcept { f.enter(under_way_); }

    /// With the lock.
    void follow(flight<Key>& f, follower& one) noexcept {
        one.enter(f.followers);
        ++waiting_;
    }

    /// The leader has `what`, which is the `I`th of a landing, for all. If they can't be given it, for want of memory
    /// or because its copy throws, they are not left waiting: the lead is handed on.
    template <std::size_t I, class What>
    void land(flight<Key>& ended, const What& what) noexcept {
        {
            const lock held = locked();
            // What begins after the function has ended must not see what may be out of date by then.
            ended.leave();
            if (ended.followers.is_alone()) return;
        }
        std::shared_ptr<const landing<R>> brought;
        KEEL_TRY { brought = std::make_shared<const landing<R>>(std::in_place_index<I>, what); }
        KEEL_CATCH_ALL {
            hand_on(ended);
            return;
        }
        const lock held = locked();
        while (!ended.followers.is_alone()) {
            follower& next = call_first(ended);
            next.brought = brought;
            wake(next, follower::part::has_landed);
        }
    }

    /// The leader has nothing: the first of those who wait for it leads from now on.
    void hand_on(flight<Key>& ended) noexcept {
        const lock held = locked();
        if (!ended.followers.is_alone()) {
            follower& next = call_first(ended);
            next.own.followers.replace(ended.followers);
            next.own.replace(ended);
            wake(next, follower::part::leads);
        }
        ended.leave();
    }

    /// The follower gives up. If it was to lead by now, hands that on.
    void withdraw(follower& f) noexcept {
        {
            const lock held = locked();
            if (f.plays == follower::part::follows) take_out(f);
            if (f.plays != follower::part::leads) return;
        }
        hand_on(f.own);
    }

    unsigned under_way() const {
        const lock held = locked();
        return under_way_.others();
    }
    unsigned waiting() const {
        const lock held = locked();
        return waiting_;
    }

  private:
    // All of these with the lock.
    void take_out(follower& f) noexcept {
        f.leave();
        --waiting_;
    }
    follower& call_first(const flight<Key>& f) noexcept {
        auto& first = static_cast<follower&>(f.followers.after());
        take_out(first);
        return first;
    }

    // Without it, the follower could have gone by the time it is woken.
    static void wake(follower& f, typename follower::part plays) noexcept {
        f.plays = plays;
        f.woken.notify_one();
    }

    mutable std::mutex guard_;
    mutable ring_place under_way_;
    unsigned waiting_ = 0;
};

} // namespace keel::detail
