#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../clock/clock.hpp"
#include "../context.hpp"
#include "../detail/macros.hpp"
#include "../error.hpp"
#include "../policy.hpp"
#include "cold_lane.hpp"
#include "function.hpp"
#include "hooks.hpp"
#include "parts.hpp"
#include "walk.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// A pipeline's policies, states and clock, and how a call runs through them. See docs/design/express_lane.md.
template <class Source, class Clock>
class lanes {
  public:
    using chain_type = typename Source::type;
    using parts = detail::parts<std::make_index_sequence<chain_type::size>, chain_type, Clock>;

    lanes(const lanes&) = delete;
    lanes& operator=(const lanes&) = delete;

    const Clock& clock() const noexcept { return clock_; }
    Clock& clock() noexcept { return clock_; }

    static constexpr std::size_t size = chain_type::size;
    using frames = typename parts::frames;
    using express_frames = typename parts::express_frames;

    // A copy: were the lane's own variables handed over by reference, they would have to live in memory on every call.
    struct stopped {
        keel::call::remains call;
        express_frames frames;
    };

    template <std::size_t I>
    KEEL_ALWAYS_INLINE const auto& get() const noexcept {
        return source_.template get<I>();
    }
    template <std::size_t I>
    KEEL_ALWAYS_INLINE auto& state() noexcept {
        return detail::at<I>(states_);
    }
    template <std::size_t I>
    using hooks_of =
        detail::hooks<std::remove_cvref_t<decltype(std::declval<const chain_type&>().template get<I>())>,
                      std::remove_reference_t<decltype(detail::at<I>(std::declval<typename parts::states&>()))>>;
    template <std::size_t I>
    KEEL_ALWAYS_INLINE hooks_of<I> hooks() noexcept {
        return {get<I>(), state<I>()};
    }

    /// How many retries a call has.
    KEEL_ALWAYS_INLINE std::uint32_t retries() const noexcept { return source_.retries(); }

    /// What the function is told of the call: its context, or nothing if it takes none.
    template <class F>
    KEEL_ALWAYS_INLINE auto tell(const call& c) const noexcept {
        if constexpr (takes_context<F>)
            return c.as_context(clock_ref(clock_));
        else
            return absent{};
    }
    template <class Channel, class F, class Told>
    KEEL_ALWAYS_INLINE static typename Channel::result invoke(F& f, [[maybe_unused]] const Told& told) {
        if constexpr (takes_context<F>) {
            auto bound = [&]() KEEL_INLINE_LAMBDA -> decltype(auto) { return f(told); };
            return Channel::invoke(bound);
        } else {
            return Channel::invoke(f);
        }
    }
    KEEL_ALWAYS_INLINE static void take_back(call& c, const context& told) noexcept { c.take_back(told); }
    KEEL_ALWAYS_INLINE static void take_back(call&, const absent&) noexcept {}

    /// For drivers that do not invoke the function here: all policies admit, or the first `admitted` of them have.
    KEEL_ALWAYS_INLINE bool try_admit(call& c, express_frames& fr, std::size_t& admitted, bool& knows_now) noexcept {
        if constexpr (parts::express) {
            knows_now = source_.needs().entry_time;
            if (knows_now) c.turn_at(clock_.now());
            return admit_all(c, fr, admitted, indices{});
        } else {
            return false;
        }
    }
    /// What policy `at.admitted()`, which has not admitted, refuses with, if it can say so at once. It proceeds where
    /// that is not so, or where what those outside it did may not be forgotten.
    admission turn_away(call& c, junction at) noexcept {
        return forgets(at.admitted()) ? fast_refuse(c, at.admitted(), indices{}) : proceed;
    }
    /// All policies settle a success, or the last `settled` of them have.
    template <class R>
    KEEL_ALWAYS_INLINE bool try_settle(call& c, express_frames& fr, const R& r, std::size_t& settled,
                                       bool& knows_now) noexcept {
        if constexpr (parts::express) {
            knows_now = source_.needs().settle_time;
            return settle_all(c, fr, settled, r, indices{});
        } else {
            return false;
        }
    }

  protected:
    lanes(Source source, Clock clock)
      : source_(std::move(source))
      , clock_(std::move(clock))
      , states_(source_, clock_) {}

    template <class Channel, class F>
    KEEL_ALWAYS_INLINE typename Channel::result run(call c, F& f) {
        static_assert(parts::outermost_fork == size,
                      "keel: hedge runs attempts at the same time, which a blocking call can't: use `co_await "
                      "keel::async(p, f)` of keel/adapt/asio.hpp, or `retry`");
        static_assert(
            std::move_constructible<typename Channel::result>,
            "keel: the function returns something that can't be moved, so it can't be carried past a failed attempt");
        express_frames fr{};
        std::size_t admitted = 0;
        if constexpr (parts::express) {
            const bool knows_now = source_.needs().entry_time;
            if (knows_now) c.turn_at(clock_.now());
            if (admit_all(c, fr, admitted, indices{})) [[likely]]
                return run_admitted<Channel>(c, f, fr);
            const junction at{admitted, 0, false, knows_now};
            if (forgets(admitted)) return turned_away<Channel, F>(f, c.entered(), at);
            return go_on<Channel, F>(f, {c.leave(), fr}, at);
        } else {
            return go_on<Channel, F>(f, {c.leave(), fr}, {});
        }
    }

  private:
    template <class Channel, class F>
    KEEL_ALWAYS_INLINE typename Channel::result run_admitted(call& c, F& f, express_frames& fr) {
        using result = typename Channel::result;
        bool finished = false;
        ++c.attempt;
        c.turn(); // the time of entry is not kept across the call
        if constexpr (takes_context<F>) c.retries_left = retries();
        const auto told = tell<F>(c);
        // One return of one variable: GCC 12 elides the move only then.
        result r = [&]() KEEL_INLINE_LAMBDA -> result {
            KEEL_TRY { return invoke<Channel>(f, told); }
            KEEL_CATCH_ALL {
                finished = true;
                take_back(c, told);
                return go_on<Channel, F>(f, {c.leave(), fr}, {size, 0, true, false});
            }
        }();
        if (!finished) [[likely]] {
            std::size_t settled = 0;
            if (!settle_all(c, fr, settled, r, indices{})) [[unlikely]] {
                const junction at{size, settled, true, source_.needs().settle_time};
                take_back(c, told);
                replace(r, go_on_returned<Channel, F>(f, {c.leave(), fr}, at, r));
            }
        }
        return r;
    }

    // Expected one by one: where the conditions are joined, GCC forgets what the whole is likely to be.
    template <std::size_t... I>
    KEEL_ALWAYS_INLINE bool admit_all(call& c, express_frames& fr, std::size_t& admitted,
                                      std::index_sequence<I...>) noexcept {
        return ((__builtin_expect(hooks<I>().fast_admit(c, detail::at<I>(fr)), true) && (++admitted, true)) && ...);
    }
    template <class R, std::size_t... I>
    KEEL_ALWAYS_INLINE bool settle_all(call& c, express_frames& fr, std::size_t& settled, const R& r,
                                       std::index_sequence<I...>) noexcept {
        if (source_.needs().settle_time) c.turn_at(clock_.now());
        return is_ok(r) && (approves<I>(r) && ...) &&
               ((hooks<size - 1 - I>().fast_settle(c, detail::at<size - 1 - I>(fr)) && (++settled, true)) && ...);
    }

    template <std::size_t I, class R>
    KEEL_ALWAYS_INLINE bool approves(const R& r) noexcept {
        if constexpr (requires { get<I>().approves(r); }) {
            // A predicate that throws is asked again on the cold lane, where its exception can pass.
            KEEL_TRY { return get<I>().approves(r); }
            KEEL_CATCH_ALL { return false; }
        } else {
            return true;
        }
    }

    template <class F>
    using lane = std::remove_reference_t<handed<F>>;

    static constexpr bool forgets(std::size_t admitted) noexcept {
        return parts::leave_nothing + 1 >= size || admitted <= parts::leave_nothing;
    }

    // Policy `at.admitted()` did not admit, and what those outside it did may be forgotten. Not cold: while a circuit
    // is open, every call ends here, and the less is handed over the better.
    template <class Channel, class F>
    KEEL_NOINLINE typename Channel::result turned_away(handed<F> f, call::entry begun, junction at) {
        call c(begun, at.knows_now(), clock_ref(clock_));
        if (const admission a = fast_refuse(c, at.admitted(), indices{}); !a.granted())
            return Channel::rejected(a.reason, a.retry_after);
        return start_over<Channel, F>(f, begun, at);
    }
    // A function of its own, and with the same parameters, so that turned_away() needs no stack.
    template <class Channel, class F>
    KEEL_COLD typename Channel::result start_over(handed<F> f, call::entry begun, junction at) {
        const call c(begun, at.knows_now(), clock_ref(clock_));
        return go_on<Channel, F>(f, {c.leave(), {}}, {0, 0, false, at.knows_now()});
    }
    template <std::size_t... I>
    KEEL_ALWAYS_INLINE admission fast_refuse(call& c, std::size_t by, std::index_sequence<I...>) noexcept {
        admission a = proceed;
        static_cast<void>(((I == by && (a = fast_refuse<I>(c), true)) || ...));
        return a;
    }
    template <std::size_t I>
    KEEL_ALWAYS_INLINE admission fast_refuse(call& c) noexcept {
        if constexpr (I <= parts::leave_nothing && hooks_of<I>::has_fast_refuse) {
            if (all_let_pass<I>(std::make_index_sequence<I>())) return hooks<I>().fast_refuse(c);
        }
        return proceed;
    }
    template <std::size_t By, std::size_t... Outer>
    KEEL_ALWAYS_INLINE bool all_let_pass(std::index_sequence<Outer...>) const noexcept {
        for ([[maybe_unused]] const errc reason : rejections_of<typename hooks_of<By>::policy_type>()) {
            if (!(get<Outer>().lets_pass(reason) && ...)) return false;
        }
        return true;
    }

    template <class Channel, class F>
    KEEL_COLD typename Channel::result go_on(handed<F> f, const stopped& stop, junction at) {
        return cold_lane<lanes, Channel, lane<F>>(*this, f, stop, at).run();
    }
    template <class Channel, class F>
    KEEL_COLD typename Channel::result go_on_returned(handed<F> f, const stopped& stop, junction at,
                                                      typename Channel::result& r) {
        return cold_lane<lanes, Channel, lane<F>>(*this, f, stop, at).run_returned(r);
    }

    template <class R>
    static void replace(R& r, std::type_identity_t<R>&& by) noexcept(!std::is_move_assignable_v<R>) {
        if constexpr (std::is_move_assignable_v<R>) {
            r = std::move(by);
        } else {
            // Without assignment there is no way back if the move throws: noexcept ends the program then.
            r.~R();
            ::new (static_cast<void*>(&r)) R(std::move(by));
        }
    }

    using indices = std::make_index_sequence<size>;

    [[no_unique_address]] Source source_;
    [[no_unique_address]] Clock clock_;
    typename parts::states states_;
};

} // namespace keel::detail
