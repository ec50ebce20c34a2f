#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/error.hpp>

#include <expected>
#include <ostream> // doctest prints error codes
#include <system_error>

namespace support {

using result = std::expected<int, std::error_code>;

inline result good() { return 1; }
inline result bad() { return std::unexpected(std::make_error_code(std::errc::io_error)); }
inline result cancelled() { return std::unexpected(std::make_error_code(std::errc::operation_canceled)); }

/// What a call gets from a circuit that refuses it.
inline const std::error_code refused = keel::make_error_code(keel::errc::circuit_open);

} // namespace support
