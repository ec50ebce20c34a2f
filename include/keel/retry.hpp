#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "backoff/backoff.hpp"
#include "backoff/exp_jitter.hpp"
#include "backoff/schedule.hpp"
#include "call.hpp"
#include "config.hpp"
#include "detail/classifying.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "outcome.hpp"
#include "policy.hpp"

#include <array>
#include <concepts>
#include <cstdint>
#include <exception>
#include <limits>

namespace keel {

/// Base class for exceptions that know when the next attempt makes sense (HTTP's Retry-After): `retry` waits at least
/// that long. An error of an expected says so by a member `retry_after()` that returns a duration.
class retry_after_hint {
  public:
    explicit retry_after_hint(nanos after) noexcept
      : after_(after) {}
    nanos retry_after() const noexcept { return after_; }

  private:
    nanos after_;
};

template <class Backoff = exp_jitter>
struct retry_config {
    int attempts = 3;       ///< the first one included; at least 1
    Backoff backoff{};      ///< a backoff, or a `schedule`
    bool when_open = false; ///< whether a refusal by an open circuit further in is worth another attempt
};

namespace detail {

inline nanos hint_in(const std::exception_ptr& thrown) {
#if KEEL_HAS_EXCEPTIONS
    try {
        std::rethrow_exception(thrown);
    } catch (const retry_after_hint& hint) {
        return hint.retry_after();
    } catch (...) {
        return nanos(0);
    }
#else
    static_cast<void>(thrown);
    return nanos(0);
#endif
}

template <class R>
nanos hint_of(const outcome_of<R>& o) {
    if (o.exception()) return hint_in(o.exception());
    if (o.rejection() != errc{}) return o.retry_after();
    if (!o.returned() || o.succeeded()) return nanos(0);
    const auto* error = error_in(*o.result());
    if constexpr (requires {
                      { error->retry_after() } -> std::convertible_to<nanos>;
                  }) {
        if (error != nullptr) return error->retry_after();
    }
    return nanos(0);
}

} // namespace detail

/// Runs the inner call again while it fails and attempts remain. `attempts` counts the first, so 3 means at most three
/// invocations; the last failure is returned unchanged. `timeout | retry` bounds them all together, `retry | timeout`
/// each one. Never waits to the deadline or past it: if the next delay does not fit, the last failure is returned now.
template <class Backoff = exp_jitter, class Results = handle<>>
struct retry_policy : detail::classifying<retry_policy<Backoff, Results>> {
    retry_config<Backoff> config{};
    Results results;

    struct frame {
        std::int64_t made = 1;
        detail::delay_sequence<Backoff> delays{};
    };
    static constexpr std::array<errc, 0> rejections{};

    /// For chains: a failure further in is what it is there for.
    static constexpr bool repeats = true;

    constexpr retry_policy() = default;
    constexpr retry_policy(const retry_config<Backoff>& configured, const Results& handled)
      : config(configured)
      , results(handled) {}

    constexpr retry_policy operator()(const retry_config<Backoff>& c) const {
        return detail::validated(retry_policy{c, results});
    }

    template <class Handle>
    constexpr auto handling(const Handle& h) const {
        return retry_policy<Backoff, Handle>{config, h};
    }

    constexpr config_error validate() const noexcept {
        const auto own =
            detail::checker("retry").require(config.attempts >= 1, "attempts", config.attempts, "must be at least 1");
        return own.error ? own.error : config.backoff.validate();
    }

    constexpr policy_facts facts() const noexcept {
        auto retries = static_cast<std::uint64_t>(config.attempts) - 1;
        const nanos waits = detail::longest_waits(config.backoff, retries);
        return {.name = "retry",
                .does = "runs what fails again",
                .attempts = retries + 1,
                .waits = waits,
                .has_jitter = retries == 0 || detail::draws<Backoff>};
    }

    KEEL_ALWAYS_INLINE static bool fast_admit(call&) noexcept { return true; }
    KEEL_ALWAYS_INLINE static bool fast_settle(call&) noexcept { return true; }
    constexpr bool lets_pass(errc reason) const noexcept { return reason == errc::circuit_open && !config.when_open; }

    admission admit(call&, frame& f) const {
        f = {};
        return proceed;
    }

    template <class R>
    verdict settle(call& c, frame& f, outcome_of<R>& o) const {
        if (f.made >= config.attempts || !is_worth_another(o) || c.stop_requested()) return verdict::keep();
        nanos delay;
        if (!f.delays.advance(config.backoff, delay)) return verdict::keep();
        if (const nanos hint = detail::hint_of(o); hint > delay) delay = hint;
        if (!fits(c, delay)) return verdict::keep();
        ++f.made;
        return verdict::again_after(delay);
    }

  private:
    template <class R>
    bool is_worth_another(const outcome_of<R>& o) const {
        if (o.rejection() == errc::circuit_open) return config.when_open;
        if (o.rejection() != errc{}) return true;
        return results(o) == ending::failed;
    }

    static bool fits(call& c, nanos delay) noexcept {
        return c.deadline == no_deadline || (c.deadline > c.now() && delay < nanos(c.deadline - c.now()));
    }
};

/// `retry<exp_jitter> | ...`, `retry<exp_jitter>({.attempts = 5, .backoff = {.base = 5ms}}) | ...`
template <class Backoff = exp_jitter>
    requires backoff<Backoff>
inline constexpr retry_policy<Backoff> retry{};

/// A retry after the delays of a range: `retry_on(schedule{10ms, 50ms})`, or of anything that is a range of
/// durations, such as a range-v3 view. It ends with the range; `attempts` may end it sooner.
template <class Range>
constexpr auto retry_on(const schedule<Range>& delays, int attempts = std::numeric_limits<int>::max()) {
    return retry_policy<schedule<Range>>{}({.attempts = attempts, .backoff = delays});
}
template <duration_range Range>
constexpr auto retry_on(const Range& delays, int attempts = std::numeric_limits<int>::max()) {
    return retry_on(schedule<Range>{delays}, attempts);
}

} // namespace keel
