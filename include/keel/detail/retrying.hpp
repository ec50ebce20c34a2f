#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../backoff/backoff.hpp"
#include "../call.hpp"
#include "../duration.hpp"
#include "../error.hpp"
#include "../outcome.hpp"
#include "../policy.hpp"
#include "../result.hpp"
#include "macros.hpp"

#include <concepts>
#include <cstdint>
#include <exception>

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

namespace detail {

inline nanos hint_in(const std::exception_ptr& thrown) {
#if KEEL_HAS_EXCEPTIONS
    try {
        std::rethrow_exception(thrown);
    } catch (const retry_after_hint& hint) {
        return hint.retry_after();
    } catch (const rejected& refused) {
        return refused.retry_after();
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
    if (o.rejection() != errc{} || o.retry_after() > nanos(0)) return o.retry_after();
    if (!o.returned() || o.succeeded()) return nanos(0);
    const auto* error = error_in(*o.result());
    if constexpr (requires {
                      { error->retry_after() } -> std::convertible_to<nanos>;
                  }) {
        if (error != nullptr) return error->retry_after();
    }
    return nanos(0);
}

/// Whether an attempt that ended like this is to be repeated.
inline bool is_worth_another(const outcome& o, ending e, bool when_open) noexcept {
    if (o.rejection() == errc::circuit_open) return when_open;
    return o.rejection() != errc{} || e == ending::failed;
}

/// What a retry remembers of a call: how many attempts it has made, and where its backoff is.
template <class Backoff>
struct retry_frame {
    std::int64_t made = 1;
    delay_sequence<Backoff> delays{};

    /// Says whether a failure that is worth another attempt gets one: if the call was not stopped, and has a delay, the
    /// time for it and a retry left.
    template <class R>
    verdict another(const Backoff& backoff, call& c, const outcome_of<R>& o) {
        if (c.stop_requested()) return verdict::keep();
        nanos delay;
        if (!delays.advance(backoff, delay)) return verdict::keep();
        if (const nanos hint = hint_of(o); hint > delay) delay = hint;
        if (!fits(c, delay) || !c.take_retry()) return verdict::keep();
        ++made;
        return verdict::again_after(delay);
    }

  private:
    static bool fits(call& c, nanos delay) noexcept {
        return c.deadline == no_deadline || (c.deadline > c.now() && delay < nanos(c.deadline - c.now()));
    }
};

} // namespace detail
} // namespace keel
