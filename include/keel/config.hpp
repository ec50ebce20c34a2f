#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "detail/macros.hpp"
#include "duration.hpp"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace keel {

/// One value that is out of its range: what `validate()` finds. All strings are literals; a null `policy` means that
/// nothing is wrong.
struct config_error {
    const char* policy = nullptr; ///< as it is written in a chain: "breaker"
    const char* field = nullptr;  ///< as it is written in an initializer: "window.calls"
    double value = 0;             ///< durations in nanoseconds
    const char* range = nullptr;  ///< "must be above 0 and at most 1", and what to do where that is not obvious

    constexpr explicit operator bool() const noexcept { return policy != nullptr; }
};

namespace detail {

// Not a std::string: GCC 12 would compile all of its parts that are used in every translation unit.
struct config_message {
    char text[256];

    explicit config_message(const config_error& e) noexcept {
        std::snprintf(text, sizeof text, "keel: %s.%s = %.17g: %s", e.policy, e.field, e.value, e.range);
    }
};

} // namespace detail

/// Thrown when a configuration that is out of range is put to use at run time. `what()` names policy, field, value and
/// range.
class invalid_config : public std::invalid_argument {
  public:
    explicit invalid_config(const config_error& e)
      : std::invalid_argument(detail::config_message(e).text)
      , error_(e) {}

    const char* policy() const noexcept { return error_.policy; }
    const char* field() const noexcept { return error_.field; }
    double value() const noexcept { return error_.value; }
    const char* range() const noexcept { return error_.range; }

  private:
    config_error error_;
};

namespace detail {

/// In constant evaluation this call is itself the compile-time error.
KEEL_COLD inline void a_configuration_value_is_out_of_range(const config_error& e) {
#if KEEL_HAS_EXCEPTIONS
    throw invalid_config(e);
#else
    std::fprintf(stderr, "%s\n", config_message(e).text);
    std::abort();
#endif
}

/// Collects the first value that is out of range; in constant evaluation that is a compile-time error at once.
/// `checker("retry").require(attempts >= 1, "attempts", attempts, "must be at least 1") ... .error`
struct checker {
    const char* policy;
    config_error error{};

    constexpr explicit checker(const char* name) noexcept
      : policy(name) {}

    constexpr checker& require(bool holds, const char* field, double value, const char* range) noexcept {
        if (!holds && !error) {
            error = {policy, field, value, range};
            // Not left to the caller: from here, both compilers' diagnostics show the line that names field and range.
            if consteval {
                a_configuration_value_is_out_of_range(error);
            }
        }
        return *this;
    }
    constexpr checker& positive(const char* field, nanos d) noexcept {
        return require(d > nanos(0) && d <= longest, field, static_cast<double>(d.count),
                       "must be above 0 and at most 100 years");
    }
    constexpr checker& not_negative(const char* field, nanos d) noexcept {
        return require(d >= nanos(0) && d <= longest, field, static_cast<double>(d.count),
                       "must be at least 0 and at most 100 years");
    }
    constexpr checker& share(const char* field, double value) noexcept {
        return require(value > 0 && value <= 1, field, value, "must be above 0 and at most 1");
    }
};

/// Returns `value` if its `validate()` finds nothing wrong.
template <class T>
constexpr const T& validated(const T& value) {
    if (const config_error e = value.validate()) a_configuration_value_is_out_of_range(e);
    return value;
}

} // namespace detail
} // namespace keel
