#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "duration.hpp"
#include "error.hpp"
#include "result.hpp"

#include <cstdint>
#include <exception>
#include <new> // IWYU pragma: keep: a placement is not seen
#include <utility>

namespace keel {

/// How an attempt ended, for a policy that counts: `ignored` says nothing about the callee's health.
enum class ending : std::uint8_t { succeeded, failed, ignored };

/// What came of an attempt, or of everything inside a policy, without the type of the result. Lives on the cold lane.
class outcome {
  public:
    /// The function returned, and what it returned is no error.
    bool succeeded() const noexcept { return origin_ == origin::returned && ok_; }

    /// The function returned: a value, or an error of an expected.
    bool returned() const noexcept { return origin_ == origin::returned; }

    /// The exception that the function threw, or null.
    const std::exception_ptr& exception() const noexcept { return thrown_; }

    /// Whether that exception is of a type that keel does not know, and says that the attempt was cancelled.
    bool cancelled() const noexcept { return thrown_ != nullptr && cancelled_; }

    /// The rejection that stands in place of a result, or `errc{}`.
    errc rejection() const noexcept { return origin_ == origin::rejected ? reason_ : errc{}; }

    /// How long until another call makes sense, by what the rejection says, or whoever drives the call; 0 if they say
    /// nothing.
    nanos retry_after() const noexcept { return retry_after_; }

    /// For drivers: what `retry_after()` is of a result that can't say so itself.
    void hint(nanos retry_after) noexcept { retry_after_ = retry_after; }

    /// Replaces whatever it was by a rejection.
    void reject(errc reason, nanos retry_after = {}) noexcept {
        origin_ = origin::rejected;
        reason_ = reason;
        retry_after_ = retry_after;
        thrown_ = nullptr;
        tried_ = true;
    }
    /// As `reject`, for a call whose function was not invoked.
    void refuse(errc reason, nanos retry_after = {}) noexcept {
        reject(reason, retry_after);
        tried_ = false;
    }

    /// How it counts unless selectors say otherwise. A rejection is ignored, unless `is_about_callee()`; so is one that
    /// only says that no time was left to invoke the function.
    ending default_ending() const noexcept {
        if (origin_ != origin::rejected) return succeeded() ? ending::succeeded : ending::failed;
        if (reason_ == errc::timed_out && !tried_) return ending::ignored;
        return is_about_callee(reason_) ? ending::failed : ending::ignored;
    }

  protected:
    enum class origin : std::uint8_t { nothing, returned, threw, rejected };

    origin origin_ = origin::nothing;
    bool ok_ = false;
    bool tried_ = true;
    bool cancelled_ = false;
    errc reason_{};
    nanos retry_after_{};
    std::exception_ptr thrown_;
};

/// An outcome with its result: what `settle(call&, frame&, auto& outcome)` gets. `R` is what the pipeline returns;
/// a reference is a pointer here, and void an empty `detail::unit`.
template <class R>
class outcome_of : public outcome {
  public:
    outcome_of() noexcept {}
    ~outcome_of() { reset(); }
    outcome_of(outcome_of&& from) noexcept
      : outcome(static_cast<outcome&&>(from)) {
        if (!from.holds_) return;
        ::new (static_cast<void*>(&result_)) R(std::move(from.result_));
        holds_ = true;
    }
    outcome_of& operator=(outcome_of&& from) noexcept {
        if (this == &from) return *this;
        reset();
        outcome::operator=(static_cast<outcome&&>(from));
        holds_ = from.holds_;
        if (holds_) ::new (static_cast<void*>(&result_)) R(std::move(from.result_));
        return *this;
    }

    /// What the function returned, or null.
    const R* result() const noexcept { return returned() ? &result_ : nullptr; }
    R* result() noexcept { return returned() ? &result_ : nullptr; }

    /// Puts a result in place of whatever it was: what `make()` returns, without moving it.
    template <class Make>
    void emplace(Make&& make) {
        reset();
        begin(make);
    }
    /// As `emplace`, where nothing has been put in yet.
    template <class Make>
    void begin(Make&& make) {
        ::new (static_cast<void*>(&result_)) R(make());
        holds_ = true;
        ok_ = detail::is_ok(result_);
        origin_ = origin::returned;
    }

    /// `cancelled`: it only says that nobody wants the result any more.
    void threw(std::exception_ptr thrown, bool cancelled = false) noexcept {
        reset();
        thrown_ = std::move(thrown);
        cancelled_ = cancelled;
        origin_ = origin::threw;
    }

  private:
    void reset() noexcept {
        if (holds_) result_.~R();
        holds_ = false;
        thrown_ = nullptr;
        retry_after_ = {};
        origin_ = origin::nothing;
    }

    bool holds_ = false;
    union {
        R result_;
    };
};

} // namespace keel
