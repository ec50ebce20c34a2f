#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "duration.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>

namespace keel {

/// Whoever can say that a call is no longer wanted.
template <class T>
concept stoppable = requires(const T& t) {
    { t.stop_requested() } noexcept -> std::convertible_to<bool>;
};

/// What a call knows of itself, for the user's function: `p([](const keel::context& c) { ... c.remaining() ... })`.
/// Also what hands a deadline on: `inner(c, f)` runs another pipeline that ends no later than this one.
///
/// Valid while the function that got it runs. Reading it is thread-safe.
class context {
  public:
    /// The start of a chain of calls: no deadline, no stop. Its times are `steady_clock`'s.
    context() noexcept
      : context(no_deadline) {}
    explicit context(time_point deadline) noexcept
      : context(clock_ref(default_clock), deadline, 1, nullptr) {}

    /// No further attempt begins and no wait is taken up once `stop` is requested: a `std::stop_token`, or anything
    /// that says `stop_requested()`. Refers to `stop`, which must outlive it.
    template <stoppable Token>
        requires(!std::same_as<Token, context>)
    explicit context(const Token& stop, time_point deadline = no_deadline) noexcept
      : context(deadline) {
        token_ = &stop;
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

    /// Whether whoever began the call wants it to end.
    bool stop_requested() const noexcept { return asked_ != nullptr && asked_(token_); }

  private:
    friend class call;
    context(clock_ref clock, time_point deadline, std::uint32_t attempt, const context* outer) noexcept
      : clock_(clock)
      , deadline_(deadline)
      , attempt_(attempt) {
        if (outer == nullptr) return;
        token_ = outer->token_;
        asked_ = outer->asked_;
    }
    static constexpr steady_clock default_clock{};

    clock_ref clock_;
    time_point deadline_;
    std::uint32_t attempt_;
    // A token without its type: <stop_token> would be a good part of what `keel.hpp` costs to compile.
    const void* token_ = nullptr;
    bool (*asked_)(const void*) noexcept = nullptr;
};

} // namespace keel
