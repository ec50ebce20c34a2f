#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <cstdint>
#include <cstdlib>

namespace support {

/// The number in an environment variable, or `otherwise`.
inline std::uint64_t given(const char* variable, std::uint64_t otherwise) {
    const char* value = std::getenv(variable);
    return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

/// The seed that a random test begins with. A failure prints the seed of its round; `KEEL_SEED=n` begins with it.
inline std::uint64_t first_seed() { return given("KEEL_SEED", 1); }

/// A sanitizer or a compiler that does not optimize leaves time for fewer rounds.
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || !defined __OPTIMIZE__
inline constexpr bool is_slow_build = true;
#else
inline constexpr bool is_slow_build = false;
#endif

} // namespace support
