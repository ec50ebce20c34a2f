#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../clock/clock.hpp"
#include "../context.hpp"
#include "../detail/macros.hpp"
#include "../named.hpp"
#include "../policy.hpp"
#include "channel.hpp"
#include "express_lane.hpp"
#include "function.hpp"
#include "ticket.hpp"

#include <concepts>
#include <cstddef>
#include <exception>
#include <expected>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// What `pipeline` and `static_pipeline` can do. The function is invoked with a `const keel::context&` if it takes
/// one, otherwise with nothing; once per attempt, on the calling thread.
template <class Source, class Clock>
class callable_pipeline : public lanes<Source, Clock> {
    using lane = lanes<Source, Clock>;
    using typename lane::parts;

  public:
    /// Calls `f` through the chain and returns what it returns. A function that returns an expected-like `E<T, X>`, or
    /// a `std::error_code`, gets rejections in that; where `X` can't be made from `errc`, the result is
    /// `std::expected<T, error_of<X, rejections of this chain...>>`. For any other, throws `keel::rejected` if a policy
    /// refused. An exception of the function passes through unchanged.
    template <class F>
        requires(attemptable<F> && (has_exceptions || reporting<F>))
    KEEL_ALWAYS_INLINE decltype(auto) operator()(F&& f) {
        return answer<F>(call(clock_ref(this->clock())), f);
    }

    /// As above, as part of the call that `outer` belongs to: its deadline is no later, and it retries no more once
    /// that is stopped. Whether a result is late is for the timeouts of the chain to say.
    template <class F>
        requires(attemptable<F> && (has_exceptions || reporting<F>))
    KEEL_ALWAYS_INLINE decltype(auto) operator()(const context& outer, F&& f) {
        return answer<F>(call(clock_ref(this->clock()), outer), f);
    }

    /// Calls `f` through the chain; never throws. `std::expected<T, keel::failure>`, with a reference as a
    /// pointer; for an `E<T, X>` `std::expected<T, keel::basic_failure<X>>`.
    template <class F>
        requires attemptable<F>
    KEEL_ALWAYS_INLINE auto attempt(F&& f) noexcept {
        return attempted<F>(call(clock_ref(this->clock())), f);
    }
    template <class F>
        requires attemptable<F>
    KEEL_ALWAYS_INLINE auto attempt(const context& outer, F&& f) noexcept {
        return attempted<F>(call(clock_ref(this->clock()), outer), f);
    }

    /// A call that is driven by hand, see `ticket`. Its policies have admitted it, or it is refused, or waiting.
    KEEL_ALWAYS_INLINE ticket<lane> begin() { return {*this, call(clock_ref(this->clock()))}; }
    /// As part of the call that `outer` belongs to, which must not end before it.
    KEEL_ALWAYS_INLINE ticket<lane> begin(const context& outer) {
        return {*this, call(clock_ref(this->clock()), outer)};
    }
    ticket<lane> begin(const context&&) = delete;

    /// A callable with `f`'s parameters that calls it through this pipeline, which must outlive it. `f` gets its
    /// arguments as lvalues, for it may be called several times.
    template <class F>
    auto wrap(F f) & {
        return [this, f = std::move(f)]<class... Args>(Args&&... args) -> decltype(auto)
                   requires requires(const F& g, Args&... each) { g(each...); }
        { return (*this)([&]() -> decltype(auto) { return f(args...); }); };
    }
    template <class F>
    auto wrap(F f) && = delete;

    /// The N-th breaker's circuit, counted from the left.
    template <std::size_t N = 0>
    auto& circuit() noexcept {
        constexpr std::size_t i = parts::nth_circuit(N);
        static_assert(i < lane::size, "keel: this chain has no such breaker");
        return this->template state<i>().circuit;
    }

    /// What the policy with that name keeps, see `named`: of a breaker its circuit, of another its state.
    template <literal Name>
    auto& get() noexcept {
        constexpr std::size_t i = parts::template index_of<Name>();
        static_assert(i < lane::size, "keel: no policy of this chain has that name");
        auto& kept = this->template state<i % lane::size>();
        static_assert(i == lane::size || !std::same_as<std::remove_cvref_t<decltype(kept)>, absent>,
                      "keel: the policy of that name keeps nothing that one could ask for");
        if constexpr (parts::has_circuit[i % lane::size])
            return kept.circuit;
        else
            return kept;
    }

    using lane::get;

  protected:
    using lanes<Source, Clock>::lanes;

  private:
    template <class F>
    using users = std::conditional_t<reporting<F>, std::remove_cvref_t<raw_result<F>>, raw_result<F>>;

    template <class F>
    KEEL_ALWAYS_INLINE decltype(auto) answer(call c, std::remove_reference_t<F>& f) {
        using raw = raw_result<F>;
        using channel = decltype(detail::channel_for<users<F>, parts>());
        if constexpr (reporting<F>)
            return this->template run<channel>(c, f);
        else if constexpr (std::is_void_v<raw>)
            this->template run<channel>(c, f);
        else if constexpr (std::is_reference_v<raw>)
            return static_cast<raw>(*this->template run<channel>(c, f).target);
        else
            return this->template run<channel>(c, f);
    }

    template <class F>
    KEEL_ALWAYS_INLINE auto attempted(call c, std::remove_reference_t<F>& f) noexcept {
        using channel = attempt_channel<users<F>>;
        const auto tried = [&]() KEEL_INLINE_LAMBDA -> typename channel::result {
            // A predicate or a wait that throws.
            KEEL_TRY { return this->template run<channel>(c, f); }
            KEEL_CATCH_ALL { return channel::threw(std::current_exception()); }
        };
        if constexpr (std::is_reference_v<users<F>>) {
            using pointed = std::expected<std::remove_reference_t<users<F>>*, typename channel::error>;
            auto referred = tried();
            return referred ? pointed(referred->target) : pointed(std::unexpect, std::move(referred).error());
        } else {
            return tried();
        }
    }
};

} // namespace keel::detail
