#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../duration.hpp"

#include <concepts>

namespace keel {

/// What a limit has seen of the calls that ended in one window.
struct limit_window {
    nanos length{};       ///< how long it lasted
    nanos latency{};      ///< the mean of its calls; at least 1 ns
    bool used = false;    ///< at least half as many calls as the limit allows were under way at once
    bool failing = false; ///< more of them failed than `failure_rate`
};

/// How the next limit follows from what was seen under the last one: a structural value with these members.
///
///     struct memory
///         What it remembers from window to window.
///     double next(memory&, double limit, const limit_window&) const noexcept
///         The limit from here on, before it is held between `min` and `max`. Called by one thread at a time.
///     static constexpr bool uses_latency
///         Whether calls are timed.
///     constexpr void check(detail::checker&) const noexcept
///         Looks for values out of range.
template <class S>
concept limit_strategy = std::copy_constructible<S> && std::default_initializable<typename S::memory> &&
                         requires(const S& s, typename S::memory& m, const limit_window& w, detail::checker& c) {
                             { s.next(m, 1.0, w) } noexcept -> std::same_as<double>;
                             { S::uses_latency } -> std::convertible_to<bool>;
                             s.check(c);
                         };

} // namespace keel
