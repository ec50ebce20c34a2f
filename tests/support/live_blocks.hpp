#pragma once
// SPDX-License-Identifier: BSL-1.0

namespace support {

/// How many blocks that `operator new` gave have not been given back. Only where live_blocks.cpp is linked; always 0
/// under sanitizers, which look for leaks themselves.
long live_blocks() noexcept;

} // namespace support
