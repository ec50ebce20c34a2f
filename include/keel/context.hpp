#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "duration.hpp"

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>

namespace keel {
namespace detail {

/// How many retries are left where no `retry` bounds them.
inline constexpr std::uint32_t any_number_of_retries = 0xffff'ffff;

/// Of contexts that are told no other: it must outlive them.
inline constexpr steady_clock default_clock{};

} // namespace detail

/// What can say that a call is no longer wanted, such as a `std::stop_token`.
template <class T>
concept stoppable = requires(const T& t) {
    { t.stop_requested() } noexcept -> std::convertible_to<bool>;
};

/// What the user's function can learn about its call: `p([](const keel::context& c) { ... c.remaining() ... })`.
/// Passed to another pipeline, `inner(c, f)`, it hands on the deadline and the retries: the inner call ends no later
/// than this one, and its retries are taken from this one's.
///
/// It and its copies are valid while the function that got it runs. Reading it, and passing it to other pipelines, is
/// thread-safe.
class context {
  public:
    /// For an outermost call: no deadline, no stop. Its clock is `steady_clock`.
    context() noexcept
      : context(no_deadline) {}
    explicit context(time_point deadline) noexcept
      : context(deadline, detail::default_clock) {}
    /// `remaining()` reads `clock`, whose time `deadline` is; the context refers to it, so it must live longer.
    /// Pipelines that get the context compare `deadline` with their own clock: only `manual_clock` has an epoch of its
    /// own.
    template <monotonic_clock Clock>
    context(time_point deadline, const Clock& clock) noexcept
      : context(clock_ref(clock), deadline, 1, detail::any_number_of_retries, nullptr) {}
    template <monotonic_clock Clock>
    context(time_point, const Clock&&) = delete;
    context(const context& other) noexcept
      : clock_(other.clock_)
      , deadline_(other.deadline_)
      , attempt_(other.attempt_)
      , beyond_(other.as_beyond())
      , asked_(other.asked_) {}
    context& operator=(const context& other) noexcept {
        if (this == &other) return *this;
        clock_ = other.clock_;
        deadline_ = other.deadline_;
        attempt_ = other.attempt_;
        beyond_ = other.as_beyond();
        asked_ = other.asked_;
        return *this;
    }

    /// Once `stop` is requested, no further attempt and no wait begins. `stop` is a `std::stop_token`, or anything with
    /// a `stop_requested()`; the context refers to it, so it must live longer.
    template <stoppable Token>
        requires(!std::same_as<Token, context>)
    explicit context(const Token& stop, time_point deadline = no_deadline) noexcept
      : context(deadline) {
        beyond_ = &stop;
        asked_ = [](const void* token) noexcept { return bool(static_cast<const Token*>(token)->stop_requested()); };
    }
    template <stoppable Token>
        requires(!std::same_as<Token, context>)
    explicit context(const Token&&, time_point = no_deadline) = delete;

    /// When the call, or this attempt of it, must have ended: the nearest of all timeouts around it.
    /// `keel::no_deadline` where there is none.
    time_point deadline() const noexcept { return deadline_; }

    /// The time left until `deadline()`, by the pipeline's clock, read now: never negative, `nanoseconds::max()`
    /// without a deadline.
    std::chrono::nanoseconds remaining() const noexcept {
        if (deadline_ == no_deadline) return std::chrono::nanoseconds::max();
        const time_point now = clock_.now();
        return deadline_ > now ? deadline_ - now : std::chrono::nanoseconds(0);
    }

    /// How many times this call has invoked the function, this time included: 1, 2, 3 ...
    std::uint32_t attempt() const noexcept { return attempt_; }

    /// Whether the caller wants the call to end.
    bool stop_requested() const noexcept {
        const context* first = this;
        while (const context* c = first->outer())
            first = c;
        return first->asked_ != nullptr && first->asked_(first->beyond_);
    }

  private:
    friend class call;
    context(clock_ref clock, time_point deadline, std::uint32_t attempt, std::uint32_t retries_left,
            const context* outer) noexcept
      : clock_(clock)
      , deadline_(deadline)
      , attempt_(attempt)
      , retries_left_(retries_left)
      , beyond_(outer) {}

    const context* outer() const noexcept { return asked_ == nullptr ? static_cast<const context*>(beyond_) : nullptr; }

    // A copy that shares retries refers to its original, as if it were the context of a call inside it.
    const void* as_beyond() const noexcept { return shares_retries() ? this : beyond_; }

    // Relaxed: no other memory is read or written because of what this number is.
    std::atomic_ref<std::uint32_t> shared_retries() const noexcept {
        return std::atomic_ref<std::uint32_t>(retries_left_);
    }

    /// Takes one retry here and in every context around; none where one of them has none left.
    bool take_retry() const noexcept {
        for (const context* c = this; c != nullptr; c = c->outer()) {
            if (c->take_own_retry()) continue;
            // Another thread that asks before they are back may be refused: perhaps one retry too few, never too many.
            for (const context* taken = this; taken != c; taken = taken->outer())
                taken->give_own_retry_back();
            return false;
        }
        return true;
    }
    void give_retry_back() const noexcept {
        for (const context* c = this; c != nullptr; c = c->outer())
            c->give_own_retry_back();
    }
    bool take_own_retry() const noexcept {
        std::uint32_t left = shared_retries().load(std::memory_order_relaxed);
        while (left != detail::any_number_of_retries) {
            if (left == 0) return false;
            if (shared_retries().compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) break;
        }
        return true;
    }
    void give_own_retry_back() const noexcept {
        if (shares_retries()) shared_retries().fetch_add(1, std::memory_order_relaxed);
    }
    bool shares_retries() const noexcept {
        return shared_retries().load(std::memory_order_relaxed) != detail::any_number_of_retries;
    }

    clock_ref clock_;
    time_point deadline_;
    std::uint32_t attempt_;
    // Not atomic itself: where the function is inlined, all of a context can stay in registers then.
    mutable std::uint32_t retries_left_ = detail::any_number_of_retries;
    // The context of the call around this one; or, where `asked_` is, a token without its type: <stop_token> would be a
    // good part of what `keel.hpp` costs to compile.
    const void* beyond_ = nullptr;
    bool (*asked_)(const void*) noexcept = nullptr;
};

} // namespace keel
