#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "context.hpp"
#include "detail/answering.hpp"
#include "detail/injecting.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "outcome.hpp"
#include "policy.hpp"
#include "random.hpp"

#include <array>
#include <atomic>
#include <boost/hana/tuple.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace keel {

struct chaos_config {
    double rate = 0;                            ///< the share of calls to inject into: from 0, which is off, to 1
    const std::atomic<bool>* enabled = nullptr; ///< off while it holds false; read on every call. Null: always on
    std::uint64_t seed = 0;                     ///< says which calls. 0: others in each run, from `thread_random()`

    constexpr config_error validate() const noexcept {
        return detail::checker("chaos").require(rate >= 0 && rate <= 1, "rate", rate, "must be from 0 to 1").error;
    }
    /// Relaxed, for it is a switch and nothing else: calls see it turned soon, and in no order.
    KEEL_ALWAYS_INLINE bool is_on() const noexcept {
        return rate > 0 && (enabled == nullptr || enabled->load(std::memory_order_relaxed));
    }
};

/// Whether a call may be injected into, told the `const keel::context&` or nothing.
template <class F>
concept call_predicate = std::copy_constructible<F> && (requires(const F& f, const context& c) {
                             { f(c) } -> std::convertible_to<bool>;
                         } || requires(const F& f) {
                             { f() } -> std::convertible_to<bool>;
                         });

/// What runs before a call, told the context or nothing. Returns nothing: what answers a call is a result.
template <class F>
concept call_behavior = std::copy_constructible<F> && (requires(const F& f, const context& c) {
                            { f(c) } -> std::same_as<void>;
                        } || requires(const F& f) {
                            { f() } -> std::same_as<void>;
                        });

namespace detail {

struct every_call {
    constexpr bool operator()() const noexcept { return true; }
};

} // namespace detail

/// Makes a share of the calls fail, slow or wrong, to see what becomes of them. What is injected into a call that is
/// picked happens in the order in which it is written, and ends with the first that answers in place of all inside:
///
/// - `latency(d)`: a wait of `d` by the pipeline's clock, then the call goes on. It ends at the call's deadline at the
///   latest, and then the call does, with `errc::timed_out`. There is none where somebody wants the call to end.
/// - `behavior(f)`: `f` runs, told the context or nothing, then the call goes on. An exception of `f` ends it.
/// - `fault()`: the call ends with `errc::injected`.
/// - `result(v)`: the call ends with `v`, or with what the function `v` gives, told the context or nothing: a value, an
///   error, or an exception.
///
/// To a policy further out all that looks like the callee: an injected fault and a deadline that passes are failures.
/// Functions are called as const, on the calling thread. Each call, right of `retry` each attempt, is picked with
/// probability `rate`, of those for which `when` holds.
///
/// On, it takes calls off the express lane: one atomic read-modify-write for a call that is picked, and one for each
/// that could be where a `seed` is given. Off, it takes one relaxed load, and with a rate of 0 in a `static_pipeline`
/// nothing.
template <class When = detail::every_call, class... Injections>
struct chaos_policy {
    chaos_config config{};
    // Without `{}`, for neither may have a default, and Clang would compile the initializer when asked whether it has.
    When picks;
    boost::hana::tuple<Injections...> injections;

    /// `p.get<"name">()` of a chaos with that name.
    template <class>
    class state {
      public:
        explicit state(const chaos_policy&) noexcept {
            static_assert(sizeof...(Injections) > 0,
                          "keel: chaos has nothing to inject; write `chaos({.rate = 0.01}).fault()`, or .latency(d), "
                          ".result(v) or .behavior(f)");
        }
        /// How many calls it has injected something into. From any thread.
        std::uint64_t injected() const noexcept { return injected_.load(std::memory_order_relaxed); }

      private:
        friend chaos_policy;

        // The n-th draw of a seed is the same whichever thread makes it.
        bool draw(const chaos_config& c) noexcept {
            if (c.seed == 0) return thread_random().unit() < c.rate;
            random_source random(c.seed);
            random.discard(drawn_.fetch_add(1, std::memory_order_relaxed));
            return random.unit() < c.rate;
        }

        std::atomic<std::uint64_t> drawn_{0};
        std::atomic<std::uint64_t> injected_{0};
    };

    /// How far the injections into a call that is picked have come.
    struct frame {
        bool is_picked = false;
        bool has_waited = false; ///< for the next one
        std::size_t injected = 0;
        nanos wait{};
    };

    static constexpr auto rejections = [] {
        std::array<errc, (std::size_t{Injections::reason != errc{}} + ... + 0)> all{};
        [[maybe_unused]] std::size_t n = 0;
        ((Injections::reason != errc{} ? static_cast<void>(all[n++] = Injections::reason) : static_cast<void>(0)), ...);
        return all;
    }();

    /// The same, at this rate.
    constexpr chaos_policy operator()(const chaos_config& c) const { return {detail::validated(c), picks, injections}; }

    /// Only calls for which `asked` holds can be picked. Asked before anything is drawn; throws through the call.
    template <call_predicate Asked>
    constexpr auto when(Asked asked) const {
        static_assert(std::same_as<When, detail::every_call>,
                      "keel: chaos has a predicate already; write one `when` of both");
        const chaos_policy<Asked, Injections...> made{config, asked, injections};
        detail::validated(made);
        return made;
    }

    constexpr auto fault() const { return with(detail::injected_fault{}); }
    constexpr auto latency(nanos d) const { return with(detail::injected_latency(d)); }
    template <class Value>
        requires std::copy_constructible<std::decay_t<Value>>
    constexpr auto result(Value&& v) const {
        return with(detail::injected_result<std::decay_t<Value>>(v));
    }
    template <call_behavior F>
    constexpr auto behavior(F f) const {
        return with(detail::injected_behavior<F>(f));
    }

    constexpr config_error validate() const noexcept {
        if (const config_error wrong = config.validate()) return wrong;
        detail::checker check("chaos");
        if constexpr (detail::is_function_pointer<When>) check.require(picks != nullptr, "when", 0, "must not be null");
        each([&](const auto&... one) { (one.check(check), ...); });
        return check.error;
    }
    constexpr policy_facts facts() const noexcept {
        policy_facts told{.name = "chaos",
                          .does = config.rate > 0 ? "injects trouble into a share of the calls" : "is off"};
        if (config.rate > 0)
            each([&](const auto&... one) { ((told.waits = detail::plus(told.waits, one.waits())), ...); });
        return told;
    }

    template <class State>
    KEEL_ALWAYS_INLINE bool fast_admit(State&, call&) const noexcept {
        return !config.is_on();
    }
    template <class State>
    KEEL_ALWAYS_INLINE static bool fast_settle(State&, call&) noexcept {
        return true;
    }
    static constexpr bool lets_pass(errc) noexcept { return true; }

    template <class State, class R>
    bool answer(State& s, call& c, frame& f, outcome_of<R>& o) const {
        if (!f.is_picked) {
            if (!config.is_on() || !detail::ask(picks, c) || !s.draw(config)) return false;
            s.injected_.fetch_add(1, std::memory_order_relaxed);
            f.is_picked = true;
        }
        std::size_t i = 0;
        const auto ends = [&](const auto& one) {
            if (i++ < f.injected) return false;
            if (!std::exchange(f.has_waited, true)) f.wait = one.wait_of(c);
            if (f.wait > nanos(0)) return true;
            f.has_waited = false;
            ++f.injected;
            return one.inject(c, o);
        };
        if (!each([&](const auto&... one) { return (ends(one) || ...); }) || f.wait > nanos(0)) return false;
        f = {};
        return true;
    }
    template <class State>
    static admission admit(State&, call&, frame& f) noexcept {
        if (f.wait > nanos(0)) return ask_again_after(std::exchange(f.wait, nanos(0)));
        f = {};
        return proceed;
    }
    template <class State>
    static verdict settle(State&, call&, auto&, outcome&) noexcept {
        return verdict::keep();
    }

  private:
    template <class Use>
    constexpr auto each(const Use& use) const {
        return boost::hana::unpack(injections, use);
    }
    template <class Injection>
    constexpr auto with(const Injection& last) const {
        static_assert(!(Injections::answers || ...),
                      "keel: a fault or a result ends the call: write it last, and no other after it");
        const chaos_policy<When, Injections..., Injection> made{
            config, picks,
            each([&](const auto&... one) { return boost::hana::tuple<Injections..., Injection>(one..., last); })};
        // Not copied out of `validated`, which GCC 12 warns about for a std::function.
        detail::validated(made);
        return made;
    }
};

/// `chaos({.rate = 0.01}).fault() | ...`, `chaos({.rate = 0.1, .enabled = &on}).latency(50ms).fault() | ...`
inline constexpr chaos_policy<> chaos{};

} // namespace keel
