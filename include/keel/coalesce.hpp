#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "context.hpp"
#include "detail/awaiting.hpp"
#include "detail/fail.hpp"
#include "detail/flight_result.hpp"
#include "detail/flights.hpp"
#include "detail/macros.hpp"
#include "drive/channel.hpp"
#include "drive/function.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "result.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace keel {

/// Calls with the same key that are under way at the same time share one execution: the first one leads and runs its
/// function, the others follow and get a copy of the result. Nothing is kept once it has ended: the next call with the
/// key runs its function again.
///
///     keel::coalesce<std::string, quote> flights;
///     quote q = flights(key, [&] { return p([&] { return fetch(key); }); });
///     quote r = flights(context, key, [&](const keel::context& c) { return fetch(key, c.remaining()); });
///
/// `T` is all that the functions return: a value, void, a reference, or an `std::expected`. It is copied for each
/// follower, all of them at once, from a const object. An exception of the leader's reaches its followers too, who all
/// get the same object.
///
/// A follower waits until its context's deadline at most, and is refused with `errc::timed_out` then; one whose context
/// asks it to stop is refused with `errc::refused`. Who comes in that state is refused at once. If the leader fails
/// when its own deadline has passed, or it has been asked to stop, that says nothing to the others: the one of them who
/// has waited longest leads, and runs its own function.
///
/// Thread-safe. Neither copied nor moved; must outlive its calls. `Hash` and `Equal` are what they are to an
/// `std::unordered_map`; keys are not copied, and those of calls that run or wait are compared under a lock. The times
/// of contexts are `Clock`'s. With one of keel's real clocks those who wait are woken; with another they look after
/// 50 us, then 100 us, and so on up to every millisecond.
///
/// Allocates nothing for a flight that nobody follows, and one object for one that somebody does. Takes two locks, and
/// each of 16 parts of the keys has its own.
template <class Key, class T, monotonic_clock Clock = steady_clock, class Hash = std::hash<Key>,
          class Equal = std::equal_to<Key>>
class coalesce {
    using carried = detail::carried<T>;
    using flights = detail::flights<Key, carried>;
    using flight = detail::flight<Key>;
    using follower = typename flights::follower;
    using patience = detail::patience;

    static_assert(std::copy_constructible<carried>, "keel: each caller gets a copy of the result, so it must be "
                                                    "copyable: use a std::shared_ptr to what is not");

    using channel = typename detail::channel_of_flight<T>::type;

  public:
    explicit coalesce(Clock clock = {}, Hash hash = {}, Equal equal = {})
      : clock_(std::move(clock))
      , hash_(std::move(hash))
      , equal_(std::move(equal)) {}
    coalesce(const coalesce&) = delete;
    coalesce& operator=(const coalesce&) = delete;

    /// What `f` returns, called here or by another call with the same key that is under way. `f` takes a
    /// `const keel::context&` or nothing. Refusals and the leader's exceptions are reported as a pipeline does it: in
    /// the result where `T` can hold an `errc`; where it is another `std::expected<V, X>`, in a
    /// `std::expected<V, error_of<X, errc::timed_out, errc::refused>>`; otherwise by an exception.
    ///
    /// Throws `std::system_error` (`resource_deadlock_would_occur`) if this thread leads a flight of this key.
    template <detail::flies<T> F>
        requires(detail::has_exceptions || reports_errors<T>)
    decltype(auto) operator()(const Key& key, F&& f) {
        return answer(call(clock_ref(clock_)), patience::endless, key, f);
    }
    template <detail::flies<T> F>
        requires(detail::has_exceptions || reports_errors<T>)
    decltype(auto) operator()(const context& outer, const Key& key, F&& f) {
        return answer(call(clock_ref(clock_), outer), patience::as_told, key, f);
    }

    /// The same; never throws. `std::expected<T, keel::failure>`, for an `E<V, X>` `std::expected<V,
    /// keel::basic_failure<X>>`.
    template <detail::flies<T> F>
        requires(!std::is_reference_v<T>)
    auto attempt(const Key& key, F&& f) noexcept {
        return attempted(call(clock_ref(clock_)), patience::endless, key, f);
    }
    template <detail::flies<T> F>
        requires(!std::is_reference_v<T>)
    auto attempt(const context& outer, const Key& key, F&& f) noexcept {
        return attempted(call(clock_ref(clock_), outer), patience::as_told, key, f);
    }

    /// The next call with that key begins a new flight, whatever is under way: for who has just changed what the
    /// functions read. Whether there was a flight to join.
    bool forget(const Key& key) {
        const std::size_t hash = hash_(key);
        flights& those = part_of(hash);
        const auto held = those.locked();
        flight* const under_way = those.find(key, hash, equal_);
        if (under_way != nullptr) under_way->leave();
        return under_way != nullptr;
    }

    /// How many flights can be joined, and how many calls wait, at the moment.
    std::size_t in_flight() const {
        return sum([](const flights& f) { return f.under_way(); });
    }
    std::size_t waiting() const {
        return sum([](const flights& f) { return f.waiting(); });
    }

    const Clock& clock() const noexcept { return clock_; }

  private:
    template <class F>
    decltype(auto) answer(call c, patience p, const Key& key, F& f) {
        if constexpr (std::is_void_v<T>)
            run<channel>(c, p, key, f);
        else if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*run<channel>(c, p, key, f).target);
        else
            return run<channel>(c, p, key, f);
    }

    template <class F>
    auto attempted(call c, patience p, const Key& key, F& f) noexcept {
        using quiet = detail::attempt_channel<std::remove_cv_t<T>>;
        KEEL_TRY { return run<quiet>(c, p, key, f); }
        KEEL_CATCH_ALL { return quiet::threw(std::current_exception()); }
    }

    template <class Channel, class F>
    typename Channel::result run(call& c, patience p, const Key& key, F& f) {
        if (!c.may_try()) return refused<Channel>(c);
        const std::size_t hash = hash_(key);
        flights& those = part_of(hash);
        auto held = those.locked();
        if (flight* const under_way = those.find(key, hash, equal_)) {
            if (under_way->is_led_by_this_thread()) {
                held.unlock();
                detail::fail(std::errc::resource_deadlock_would_occur,
                             "keel::coalesce: the function of a flight has called for its own key");
            }
            follower me(key, hash);
            those.follow(*under_way, me);
            return follow<Channel>(those, std::move(held), me, c, p, f);
        }
        flight mine(key, hash);
        those.begin(mine);
        held.unlock();
        return detail::answer_with<Channel, T>(lead(those, mine, c, f));
    }

    template <class F>
    static carried lead(flights& those, flight& mine, call& c, F& f) {
        KEEL_TRY {
            carried result = detail::carried_result<T>(c, f);
            if (detail::is_ok(result) || !is_at_its_own_end(c))
                those.template land<0>(mine, result);
            else
                those.hand_on(mine);
            return result;
        }
        KEEL_CATCH_ALL {
            // Null where no exception unwinds the stack, but the end of the thread.
            const std::exception_ptr thrown = std::current_exception();
            if (thrown != nullptr && !is_at_its_own_end(c))
                those.template land<1>(mine, thrown);
            else
                those.hand_on(mine);
            KEEL_RETHROW;
        }
    }

    template <class Channel, class F>
    static typename Channel::result follow(flights& those, typename flights::lock held, follower& me, call& c,
                                           patience p, F& f) {
        using part = typename follower::part;
        const bool has_come = detail::await<Clock>(those, held, me, c, p);
        if (held) held.unlock();
        if (!has_come || (me.plays == part::leads && !c.may_try())) {
            those.withdraw(me);
            return refused<Channel>(c);
        }
        if (me.plays == part::leads) return detail::answer_with<Channel, T>(lead(those, me.own, c, f));
        if (const carried* const result = std::get_if<0>(me.brought.get()))
            return detail::answer_with<Channel, T>(carried(*result));
        std::rethrow_exception(std::get<1>(*me.brought));
    }

    /// Whether the call may go on no longer: what it has failed with says nothing to others then.
    static bool is_at_its_own_end(call& c) noexcept {
        c.turn();
        return !c.may_try();
    }

    template <class Channel>
    static typename Channel::result refused(const call& c) {
        return Channel::rejected(c.stop_requested() ? errc::refused : errc::timed_out, nanos(0));
    }

    // The upper bits of a product with 2^64 over the golden ratio: std::hash of a number is that number.
    flights& part_of(std::size_t hash) noexcept { return parts_[(hash * 0x9e37'79b9'7f4a'7c15) >> 60]; }

    template <class Count>
    std::size_t sum(Count count) const {
        std::size_t all = 0;
        for (const flights& part : parts_)
            all += count(part);
        return all;
    }

    [[no_unique_address]] Clock clock_;
    [[no_unique_address]] Hash hash_;
    [[no_unique_address]] Equal equal_;
    std::array<flights, 16> parts_;
};

} // namespace keel
