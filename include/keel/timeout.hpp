#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "call.hpp"
#include "config.hpp"
#include "detail/lesser.hpp"
#include "detail/macros.hpp"
#include "duration.hpp"
#include "error.hpp"
#include "facts.hpp"
#include "outcome.hpp"
#include "policy.hpp"

#include <chrono>

namespace keel {

/// What becomes of a value that arrives after the deadline.
enum class late_success : bool {
    fail, ///< the call ends with `errc::timed_out`
    keep, ///< the value is returned
};

struct timeout_config {
    nanos after = std::chrono::seconds(1); ///< above 0, at most 100 years
    keel::late_success late_success = keel::late_success::fail;
};

/// Sets a deadline `after` the moment when the call reaches this policy; the nearer of nested ones wins. The function
/// sees it as `context::deadline()`. Left of `retry` it bounds all attempts together, right of it each one.
///
/// A call that begins at the deadline of the one around it, or past it, is refused with `errc::timed_out`: the function
/// is not invoked, and that says nothing about the callee.
///
/// A blocking function is not interrupted. If it returns a value too late, the outcome is `errc::timed_out`; an error
/// or an exception that comes too late stays what it is.
struct timeout_policy {
    timeout_config config{};

    struct frame {
        time_point due;
        time_point outer;
    };
    static constexpr errc rejections[] = {errc::timed_out};

    constexpr timeout_policy operator()(nanos after) const { return (*this)(timeout_config{.after = after}); }
    constexpr timeout_policy operator()(const timeout_config& c) const { return detail::validated(timeout_policy{c}); }

    constexpr config_error validate() const noexcept {
        return detail::checker("timeout").positive("after", config.after).error;
    }

    constexpr policy_facts facts() const noexcept {
        return {.name = "timeout", .does = "bounds all that is inside", .bound = config.after};
    }
    constexpr keel::needs needs() const noexcept {
        return {.entry_time = true, .settle_time = config.late_success == late_success::fail};
    }

    KEEL_ALWAYS_INLINE bool fast_admit(call& c, frame& f) const noexcept {
        if (is_over(c)) [[unlikely]]
            return false;
        f.outer = c.deadline;
        f.due = detail::lesser(c.deadline, c.now() + config.after);
        c.deadline = f.due;
        return true;
    }
    KEEL_ALWAYS_INLINE bool fast_settle(call& c, frame& f) const noexcept {
        // A late value that is kept takes the cold lane too, if another policy has wanted the time.
        if (c.known_now() > f.due) [[unlikely]]
            return false;
        c.deadline = f.outer;
        return true;
    }

    static constexpr bool lets_pass(errc) noexcept { return true; }

    admission admit(call& c, frame& f) const noexcept { return fast_admit(c, f) ? proceed : refuse(errc::timed_out); }
    verdict settle(call& c, frame& f, outcome& o) const noexcept {
        if (config.late_success == late_success::fail && o.succeeded() && c.now() > f.due) o.reject(errc::timed_out);
        c.deadline = f.outer;
        return verdict::keep();
    }
    void abandon(call& c, frame& f) const noexcept { c.deadline = f.outer; }

  private:
    // Compiles to nothing where no other call is around this one: compilers then know that there is no deadline yet.
    // In this order, because one comparison is enough for most calls.
    KEEL_ALWAYS_INLINE static bool is_over(call& c) noexcept {
        return __builtin_expect(c.now() >= c.deadline, false) && c.deadline != no_deadline;
    }
};

/// `timeout | ...`, `timeout(50ms) | ...`, `timeout({.after = 50ms, .late_success = late_success::keep}) | ...`
inline constexpr timeout_policy timeout{};

} // namespace keel
