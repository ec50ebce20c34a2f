#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../duration.hpp"
#include "lesser.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keel::detail {

/// Text that can be put together in constant evaluation too. What does not fit is cut off.
template <std::size_t Capacity>
class text {
  public:
    constexpr std::string_view view() const noexcept { return {chars_, size_}; }

    constexpr text& operator<<(std::string_view s) noexcept {
        for (const char c : s.substr(0, lesser(s.size(), Capacity - size_)))
            chars_[size_++] = c;
        return *this;
    }
    constexpr text& operator<<(std::uint64_t n) noexcept {
        char digits[20]{};
        std::size_t first = sizeof digits;
        do {
            digits[--first] = static_cast<char>('0' + n % 10);
        } while ((n /= 10) != 0);
        return *this << std::string_view(digits + first, sizeof digits - first);
    }
    /// In the largest unit of which it is a whole number.
    constexpr text& operator<<(nanos d) noexcept {
        struct scale {
            std::int64_t length;
            std::string_view name;
        };
        constexpr scale units[] = {{3'600'000'000'000, " h"}, {60'000'000'000, " min"}, {1'000'000'000, " s"},
                                   {1'000'000, " ms"},        {1'000, " us"},           {1, " ns"}};
        const scale* u = units;
        while (d.count % u->length != 0)
            ++u;
        return *this << static_cast<std::uint64_t>(d.count / u->length) << u->name;
    }
    constexpr text& indent(std::size_t depth) noexcept {
        for (std::size_t i = 0; i < depth; ++i)
            *this << "  ";
        return *this;
    }

  private:
    char chars_[Capacity]{};
    std::size_t size_ = 0;
};

} // namespace keel::detail
