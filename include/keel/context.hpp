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

/// What a call has left that is not bounded by a `retry` of its own.
inline constexpr std::uint32_t any_number_of_retries = 0xffff'ffff;

} // namespace detail

/// Whoever can say that a call is no longer wanted.
template <class T>
concept stoppable = requires(const T& t) {
    { t.stop_requested() } noexcept -> std::convertible_to<bool>;
};

/// What a call knows of itself, for the user's function: `p([](const keel::context& c) { ... c.remaining() ... })`.
/// Also what hands on a deadline and the attempts: `inner(c, f)` runs another pipeline that ends no later than this
/// one, and whose retries are among those that this one has.
///
/// Valid while the function that got it runs, and so are its copies. Reading it is thread-safe, and so are calls of
/// other pipelines with it.
class context {
  public:
    /// The start of a chain of calls: no deadline, no stop. Its times are `steady_clock`'s.
    context() noexcept
      : context(no_deadline) {}
    explicit context(time_point deadline) noexcept
      : context(clock_ref(default_clock), deadline, 1, detail::any_number_of_retries, nullptr) {}
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

    /// No further attempt begins and no wait is taken up once `stop` is requested: a `std::stop_token`, or anything
    /// that says `stop_requested()`. Refers to `stop`, which must outlive it.
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

    /// Whether whoever began the call wants it to end.
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

    // A copy is a context inside the one whose retries it shares.
    const void* as_beyond() const noexcept { return shares_retries() ? this : beyond_; }

    // Relaxed, for it is a number and nothing else.
    std::atomic_ref<std::uint32_t> shared_retries() const noexcept {
        return std::atomic_ref<std::uint32_t>(retries_left_);
    }

    /// Takes one retry here and in every context around; none where one of them has none left.
    bool take_retry() const noexcept {
        for (const context* c = this; c != nullptr; c = c->outer()) {
            if (c->take_own_retry()) continue;
            // Whoever asks in between is refused for it: never too many retries, perhaps one too few.
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

    static constexpr steady_clock default_clock{};

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
