#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../call.hpp"
#include "../config.hpp"
#include "../context.hpp"
#include "../duration.hpp"
#include "../error.hpp"
#include "../outcome.hpp"
#include "../result.hpp"
#include "answering.hpp"
#include "lesser.hpp"
#include "result_from.hpp"

#include <concepts>
#include <utility>

namespace keel::detail {

// What can be injected into a call. Each kind says true if that answers the call, false if the call goes on.

template <class F>
concept told_context = requires(const F& f, const context& c) { f(c); };

/// What `f`, which is told the context or nothing, returns.
template <class F>
    requires(told_context<F> || told_nothing<F>)
decltype(auto) ask(const F& f, call& c) {
    if constexpr (told_context<F>)
        return c.tell([&](const context& told) -> decltype(auto) { return f(told); });
    else
        return f();
}

template <class F, class R>
inline constexpr bool is_answering_unasked = false;
template <class F, class R>
    requires(told_context<F> || told_nothing<F>)
inline constexpr bool is_answering_unasked<F, R> =
    gives_result<decltype(detail::ask(std::declval<const F&>(), std::declval<call&>())), R>;

struct injection {
    static constexpr bool answers = false; ///< every time
    static constexpr errc reason{};        ///< what it may answer with, if it refuses

    static constexpr nanos waits() noexcept { return {}; } ///< at most
    /// How long the call waits before it is injected.
    static constexpr nanos wait_of(call&) noexcept { return {}; }
    static constexpr void check(checker&) noexcept {}
};

struct injected_fault : injection {
    static constexpr bool answers = true;
    static constexpr errc reason = errc::injected;

    static bool inject(call&, outcome& o) noexcept {
        o.reject(reason);
        return true;
    }
};

struct injected_latency : injection {
    static constexpr errc reason = errc::timed_out;

    nanos delay;

    constexpr explicit injected_latency(nanos d) noexcept
      : delay(d) {}
    constexpr nanos waits() const noexcept { return delay; }
    constexpr void check(checker& c) const noexcept { c.positive("latency", delay); }

    nanos wait_of(call& c) const noexcept {
        // Who wants the call to end wants no wait either; what becomes of the call is for others to say.
        return c.stop_requested() ? nanos(0) : nanos(lesser(c.deadline, c.now() + delay) - c.now());
    }
    bool inject(call& c, outcome& o) const {
        if (c.stop_requested() || c.deadline == no_deadline || c.now() < c.deadline) return false;
        // Something was tried, as far as anybody is to know: the callee took too long.
        o.reject(reason);
        return true;
    }
};

template <class Value>
struct injected_result : injection {
    static constexpr bool answers = true;

    Value value;

    constexpr explicit injected_result(const Value& v)
      : value(v) {}
    constexpr void check([[maybe_unused]] checker& c) const noexcept {
        if constexpr (is_function_pointer<Value>) c.require(value != nullptr, "result", 0, "must not be null");
    }

    template <class R>
    bool inject(call& c, outcome_of<R>& o) const {
        constexpr bool function = is_answering_unasked<Value, R>;
        constexpr bool fits = function || is_answer<Value, R>;
        constexpr bool can_be_asked = told_context<Value> || told_nothing<Value>;
        if constexpr (std::same_as<R, by_hand_result> && (can_be_asked || !looks_like_a_function<Value>))
            static_assert(fits, "keel: a call that is driven by hand has no value that chaos could inject: its result "
                                "is `std::expected<void, std::error_code>`, as of a function that returns that. Write "
                                "`.result([] {})`, or a function that returns a `std::unexpected(code)`");
        else if constexpr (can_be_asked)
            static_assert(
                fits, "keel: what the function of chaos.result(f) returns is not what the guarded function returns");
        else if constexpr (looks_like_a_function<Value>)
            static_assert(fits, "keel: the function of chaos.result(f) can't be called, as const, with nothing or a "
                                "`const keel::context&`");
        else
            static_assert(fits, "keel: the value of chaos.result(v) is not what the guarded function returns; for one "
                                "that returns nothing write `.result([] {})`");

        // Else the compiler has said enough.
        if constexpr (fits) {
            answer_with(o, [&] {
                if constexpr (function) {
                    const left_by_function after{c};
                    o.emplace(
                        [&] { return result_from<R>([&]() -> decltype(auto) { return detail::ask(value, c); }); });
                } else {
                    o.emplace([&] { return result_from<R>([&]() -> const Value& { return value; }); });
                }
            });
        }
        return true;
    }
};

template <class F>
struct injected_behavior : injection {
    F function;

    constexpr explicit injected_behavior(const F& f)
      : function(f) {}
    constexpr void check([[maybe_unused]] checker& c) const noexcept {
        if constexpr (is_function_pointer<F>) c.require(function != nullptr, "behavior", 0, "must not be null");
    }

    template <class R>
    bool inject(call& c, outcome_of<R>& o) const {
        return !answer_with(o, [&] {
            const left_by_function after{c};
            detail::ask(function, c);
        });
    }
};

} // namespace keel::detail
