#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "detail/macros.hpp"
#include "duration.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace keel {

/// Why a policy refused a call, or replaced its result.
enum class errc : std::uint8_t {
    timed_out = 1,      ///< the function returned after the deadline, or had no time left to begin (`timeout`)
    circuit_open = 2,   ///< the circuit is open, or half-open with all its probes out (`breaker`)
    refused = 3,        ///< a policy that is not keel's said no
    bulkhead_full = 4,  ///< all permits are taken (`bulkhead`)
    rate_limited = 5,   ///< more calls than the rate allows (`rate_limit`)
    throttled = 6,      ///< the callee accepts too few calls, and this one was left out (`throttle`)
    limit_exceeded = 7, ///< as many calls as the adaptive limit allows are in flight (`limit`)
    injected = 8,       ///< a fault that was asked for (`chaos`)
};

/// Whether a rejection says something about the health of what was called: it took too long, or its fault was injected.
constexpr bool is_about_callee(errc e) noexcept { return e == errc::timed_out || e == errc::injected; }

/// A short lower-case phrase, such as "circuit open". Never null.
constexpr const char* message(errc e) noexcept {
    switch (e) {
    case errc::timed_out:
        return "timed out";
    case errc::circuit_open:
        return "circuit open";
    case errc::refused:
        return "refused by a policy";
    case errc::bulkhead_full:
        return "bulkhead full";
    case errc::rate_limited:
        return "rate limited";
    case errc::throttled:
        return "throttled";
    case errc::limit_exceeded:
        return "limit exceeded";
    case errc::injected:
        return "injected fault";
    }
    return "unknown keel error";
}

/// The category "keel". Its codes compare equal to the generic conditions that say the same: `timed_out` to
/// `std::errc::timed_out`, the others to `std::errc::resource_unavailable_try_again`.
inline const std::error_category& category() noexcept {
    class keel_category final : public std::error_category {
        const char* name() const noexcept override { return "keel"; }
        std::string message(int value) const override { return keel::message(static_cast<errc>(value)); }
        std::error_condition default_error_condition(int value) const noexcept override {
            switch (static_cast<errc>(value)) {
            case errc::timed_out:
                return std::errc::timed_out;
            case errc::circuit_open:
            case errc::refused:
            case errc::bulkhead_full:
            case errc::rate_limited:
            case errc::throttled:
            case errc::limit_exceeded:
            case errc::injected:
                return std::errc::resource_unavailable_try_again;
            }
            return {value, *this};
        }
    };
    // Never destroyed, so that it can still be used while other static objects are destroyed.
    union forever {
        keel_category value;
        constexpr forever()
          : value() {}
        ~forever() {}
    };
    static constinit forever instance;
    return instance.value;
}

inline std::error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), category()}; }

/// What a pipeline throws when a policy refused the call: `code()` is a `keel::errc`.
class rejected : public std::system_error {
  public:
    explicit rejected(errc e, nanos retry_after = {})
      : std::system_error(make_error_code(e))
      , reason_(e)
      , retry_after_(retry_after) {}
    errc reason() const noexcept { return reason_; }

    /// How long until another call makes sense, such as the next probe of an open circuit; 0 if that is unknown.
    std::chrono::nanoseconds retry_after() const noexcept { return retry_after_; }

  private:
    errc reason_;
    nanos retry_after_;
};

/// A rejection as a type of its own, the alternative that `error_of` holds for it.
template <errc Reason>
struct rejection {
    static constexpr errc reason = Reason;
    nanos retry_after{}; ///< how long until another call makes sense; 0 if that is unknown

    /// Two rejections of one kind are equal, whatever their `retry_after`.
    friend constexpr bool operator==(rejection, rejection) noexcept { return true; }
};
using timed_out = rejection<errc::timed_out>;
using circuit_open = rejection<errc::circuit_open>;
using refused = rejection<errc::refused>;
using bulkhead_full = rejection<errc::bulkhead_full>;
using rate_limited = rejection<errc::rate_limited>;
using throttled = rejection<errc::throttled>;
using limit_exceeded = rejection<errc::limit_exceeded>;
using injected = rejection<errc::injected>;

/// What can go wrong in a call whose function fails with an `X`: that, or one of the rejections of this very chain.
/// `Rejections` are the reasons in the order of the chain, each once.
template <class X, errc... Rejections>
class error_of : public std::variant<X, rejection<Rejections>...> {
  public:
    using std::variant<X, rejection<Rejections>...>::variant;

    /// The function's own error, or null.
    const X* error() const noexcept { return std::get_if<0>(this); }
    X* error() noexcept { return std::get_if<0>(this); }

    bool is_rejection() const noexcept { return this->index() != 0; }

    /// Holds the rejection `reason`. Ends the program if that is none of `Rejections`: a policy has refused with a
    /// reason that it does not declare.
    static error_of of(errc reason, nanos retry_after = {}) { return first_of<Rejections...>(reason, retry_after); }

    /// How long until another call makes sense, such as the next probe of an open circuit; 0 if that is unknown.
    std::chrono::nanoseconds retry_after() const noexcept {
        nanos found{};
        static_cast<void>(((std::get_if<rejection<Rejections>>(this) != nullptr &&
                            (found = std::get_if<rejection<Rejections>>(this)->retry_after, true)) ||
                           ...));
        return found;
    }

    /// Which rejection it is. Only where `is_rejection()`.
    errc reason() const noexcept {
        constexpr errc reasons[] = {errc{}, Rejections...};
        return reasons[this->index()];
    }

  private:
    template <errc First, errc... Others>
    static error_of first_of(errc reason, nanos retry_after) {
        if (reason == First) return rejection<First>{retry_after};
        return first_of<Others...>(reason, retry_after);
    }
    template <std::same_as<errc> Reason>
    [[noreturn]] static error_of first_of(Reason, nanos) {
        std::terminate();
    }
};

/// Why `attempt()` has no value: a rejection, an exception of the function, or (where the function returns an
/// expected) its error.
template <class X = void>
class basic_failure;

template <>
class basic_failure<void> {
  public:
    explicit basic_failure(errc reason, nanos retry_after = {}) noexcept
      : reason_(reason)
      , retry_after_(retry_after) {}
    explicit basic_failure(std::exception_ptr thrown) noexcept
      : thrown_(std::move(thrown)) {}

    bool is_rejection() const noexcept { return reason_ != errc{}; }

    /// Which rejection it is. `errc{}` where it is none.
    errc reason() const noexcept { return reason_; }

    /// How long until another call makes sense, such as the next probe of an open circuit; 0 if that is unknown.
    std::chrono::nanoseconds retry_after() const noexcept { return retry_after_; }

    /// The exception that the function threw, or null.
    const std::exception_ptr& exception() const noexcept { return thrown_; }

#if KEEL_HAS_EXCEPTIONS
    /// Throws what `operator()` would have thrown: the function's exception, or `rejected`.
    [[noreturn]] void raise() const {
        if (thrown_) std::rethrow_exception(thrown_);
        throw rejected(reason_, retry_after_);
    }
#endif

    friend bool operator==(const basic_failure& failure, errc reason) noexcept { return failure.reason_ == reason; }

  protected:
    basic_failure() = default;

  private:
    errc reason_{};
    nanos retry_after_{};
    std::exception_ptr thrown_;
};

template <class X>
class basic_failure : public basic_failure<void> {
  public:
    using basic_failure<void>::basic_failure;
    /// The function's error. Tagged, because it may be of any type, also of one that another constructor takes.
    basic_failure(std::in_place_t, X error) noexcept(std::is_nothrow_move_constructible_v<X>)
      : error_(std::in_place_index<1>, std::move(error)) {}

    /// The error that the function returned, or null.
    const X* error() const noexcept { return std::get_if<1>(&error_); }
    X* error() noexcept { return std::get_if<1>(&error_); }

  private:
    std::variant<std::monostate, X> error_;
};

using failure = basic_failure<>;

} // namespace keel

template <>
struct std::is_error_code_enum<keel::errc> : std::true_type {};
