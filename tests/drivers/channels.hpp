#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "story.hpp"

#include <keel/error.hpp>
#include <keel/retry.hpp>

#include <exception>
#include <expected>
#include <stdexcept>
#include <system_error>

namespace drivers {

// How the function reports, and how its caller learns, what a call ends with.

struct thrown_with_hint : std::system_error, keel::retry_after_hint {
    thrown_with_hint(std::error_code why, keel::nanos hint)
      : std::system_error(why)
      , keel::retry_after_hint(hint) {}
};

/// The result of a call that throws; nothing of what is thrown gets lost.
inline result caught(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const keel::rejected& e) {
        return rejected(e.reason(), e.retry_after());
    } catch (const std::system_error& e) {
        return {.how = result::form::error, .error = e.code()};
    } catch (...) {
        return threw;
    }
}

/// What a ticket is told of an exception.
inline const std::error_code stands_for_exception = make_error_code(std::errc::not_supported);

/// What a fallback is told.
inline result why(const keel::basic_failure<std::error_code>& f) {
    if (f.is_rejection()) return rejected(f.reason(), f.retry_after());
    if (f.error() != nullptr && *f.error() == stands_for_exception) return threw;
    if (f.error() != nullptr) return {.how = result::form::error, .error = *f.error()};
    return caught(f.exception());
}
inline result why(const keel::failure& f) {
    return f.is_rejection() ? rejected(f.reason(), f.retry_after()) : caught(f.exception());
}

/// What a policy answers with in either channel: a value, where there is one.
struct answer {
    using value_type = void;
    using error_type = std::error_code;
    int value = 0;
    std::error_code why{}; // instead, unless by exception

    bool has_value() const { return !why; }
    const std::error_code& error() const { return why; }
    operator int() const {
        if (why) throw std::system_error(why);
        return value;
    }
};

/// By an expected without a value, as a ticket does: the one that each driver has. Does not tell `retry_after`.
struct by_expected {
    using type = std::expected<void, std::error_code>;

    static type give(const result& r) {
        if (r.how == result::form::exception) throw std::runtime_error("thrown");
        if (r.how == result::form::error) return std::unexpected(*r.error);
        return {};
    }
    static result read(const type& r) {
        if (r) return success;
        if (r.error().category() != keel::category()) return {.how = result::form::error, .error = r.error()};
        return {.how = result::form::rejection, .reason = static_cast<keel::errc>(r.error().value())};
    }
};

/// By exceptions, and a value.
struct by_exception {
    using type = int;

    static type give(const result& r) {
        if (r.how == result::form::exception) throw std::runtime_error("thrown");
        if (r.how == result::form::error && r.retry_after) throw thrown_with_hint(*r.error, *r.retry_after);
        if (r.how == result::form::error) throw std::system_error(*r.error);
        return r.value.value_or(0);
    }
    static result read(int value) { return succeeded(value); }
};

} // namespace drivers
