#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "clock/clock.hpp"
#include "clock/steady_clock.hpp"
#include "context.hpp"
#include "detail/text.hpp"
#include "duration.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <system_error>

namespace keel {

/// The text of a header that says how much time is left. Allocates nothing.
class timeout_text {
  public:
    /// Valid as long as this object; does not end with a null character.
    constexpr std::string_view view() const noexcept { return text_.view(); }

  private:
    friend constexpr std::optional<timeout_text> to_grpc_timeout(nanos) noexcept;
    friend constexpr std::optional<timeout_text> to_timeout_ms(nanos) noexcept;
    constexpr timeout_text(std::int64_t count, std::string_view unit) noexcept {
        text_ << static_cast<std::uint64_t>(count) << unit;
    }

    detail::text<13> text_; // of `nanos::max()` in milliseconds
};

/// Why a text is no timeout.
struct timeout_error {
    /// `invalid_argument`: it is not written as a timeout is. `result_out_of_range`: it is more than 100 years.
    std::errc code{};
    const char* rule = nullptr; ///< what it must be, with the name of the form: a literal
};

namespace detail {

struct grpc_unit {
    char name;
    std::int64_t length;
};
inline constexpr grpc_unit grpc_units[] = {
    {'n', 1}, {'u', 1'000}, {'m', 1'000'000}, {'S', 1'000'000'000}, {'M', 60'000'000'000}, {'H', 3'600'000'000'000}};
inline constexpr std::size_t grpc_digits = 8;
inline constexpr std::int64_t grpc_most = 99'999'999;
inline constexpr std::int64_t millisecond = 1'000'000;

/// Below 0 if these are no digits. Of more than a century of milliseconds, however many digits that has, some number
/// that is more than that too.
constexpr std::int64_t number_in(std::string_view digits) noexcept {
    if (digits.empty()) return -1;
    std::int64_t number = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return -1;
        if (number <= longest.count / millisecond) number = number * 10 + (c - '0');
    }
    return number;
}

constexpr std::expected<nanos, timeout_error> timeout_of(std::int64_t number, std::int64_t unit,
                                                         const char* rule) noexcept {
    if (number > longest.count / unit) return std::unexpected(timeout_error{std::errc::result_out_of_range, rule});
    return nanos(number * unit);
}

template <class Clock>
std::expected<context, timeout_error> context_for(const std::expected<nanos, timeout_error>& left,
                                                  const Clock& clock) noexcept {
    if (!left) return std::unexpected(left.error());
    return context(clock.now() + *left, clock);
}

} // namespace detail

/// What is left of a call, as the header `grpc-timeout` says it: at most 8 digits and a unit, of `n`, `u`, `m`, `S`,
/// `M` and `H` the finest in which that is enough. Rounded down, by less than a 100,000th, so that a callee is not told
/// that it has more time than the caller. Where nothing is left it says `1n`: zero is not in the grammar, and some
/// peers refuse it. Nothing without a deadline, that is for `nanos::max()`: then no header is to be sent.
///
/// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
constexpr std::optional<timeout_text> to_grpc_timeout(nanos left) noexcept {
    if (left == nanos::max()) return std::nullopt;
    const std::int64_t count = left > nanos(0) ? left.count : 1;
    const detail::grpc_unit* unit = detail::grpc_units;
    while (count / unit->length > detail::grpc_most)
        ++unit; // at `H` at last: a 64-bit count of nanoseconds has 7 digits in hours
    return timeout_text(count / unit->length, {&unit->name, 1});
}
inline std::optional<timeout_text> to_grpc_timeout(const context& c) noexcept { return to_grpc_timeout(c.remaining()); }

/// The same as a number of milliseconds, as in Envoy's header `x-envoy-expected-rq-timeout-ms`. Rounded down, but to no
/// less than 1: Envoy, for one, takes zero for no timeout at all. So where less than a millisecond is left, and only
/// there, it says more.
constexpr std::optional<timeout_text> to_timeout_ms(nanos left) noexcept {
    if (left == nanos::max()) return std::nullopt;
    return timeout_text(left < nanos(detail::millisecond) ? 1 : left.count / detail::millisecond, {});
}
inline std::optional<timeout_text> to_timeout_ms(const context& c) noexcept { return to_timeout_ms(c.remaining()); }

/// How much time a `grpc-timeout` grants: 1 to 8 digits and a unit, at most 100 years, and nothing around it. `0n` is
/// not in gRPC's grammar; it is taken as no time at all, for peers that are out of time send it.
constexpr std::expected<nanos, timeout_error> parse_grpc_timeout(std::string_view text) noexcept {
    constexpr const char* rule = "grpc-timeout: must be 1 to 8 digits and a unit, which is H, M, S, m, u or n";
    constexpr timeout_error malformed{std::errc::invalid_argument, rule};
    if (text.empty() || text.size() > detail::grpc_digits + 1) return std::unexpected(malformed);
    const std::int64_t number = detail::number_in(text.substr(0, text.size() - 1));
    if (number < 0) return std::unexpected(malformed);
    for (const detail::grpc_unit& unit : detail::grpc_units)
        if (unit.name == text.back())
            return detail::timeout_of(number, unit.length, "grpc-timeout: must be at most 100 years");
    return std::unexpected(malformed);
}

/// How much time a number of milliseconds grants: digits and nothing around them, at least 1, at most 100 years. A zero
/// is refused: it means no time to one peer, and no timeout to another.
constexpr std::expected<nanos, timeout_error> parse_timeout_ms(std::string_view text) noexcept {
    constexpr const char* rule = "timeout in ms: must be a number of milliseconds above 0, digits only";
    const std::int64_t number = detail::number_in(text);
    if (number <= 0) return std::unexpected(timeout_error{std::errc::invalid_argument, rule});
    return detail::timeout_of(number, detail::millisecond, "timeout in ms: must be at most 100 years");
}

/// The context of a call that comes with a `grpc-timeout`: its deadline is so long after now. `clock` is `steady_clock`
/// unless given; the context refers to it. What the header took to arrive is not known, and not taken off.
template <monotonic_clock Clock = steady_clock>
std::expected<context, timeout_error> from_grpc_timeout(std::string_view text,
                                                        const Clock& clock = detail::default_clock) noexcept {
    return detail::context_for(parse_grpc_timeout(text), clock);
}
template <monotonic_clock Clock>
std::expected<context, timeout_error> from_grpc_timeout(std::string_view, const Clock&&) = delete;

/// The same from a number of milliseconds.
template <monotonic_clock Clock = steady_clock>
std::expected<context, timeout_error> from_timeout_ms(std::string_view text,
                                                      const Clock& clock = detail::default_clock) noexcept {
    return detail::context_for(parse_timeout_ms(text), clock);
}
template <monotonic_clock Clock>
std::expected<context, timeout_error> from_timeout_ms(std::string_view, const Clock&&) = delete;

} // namespace keel
