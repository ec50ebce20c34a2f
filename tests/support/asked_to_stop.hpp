#pragma once
// SPDX-License-Identifier: BSL-1.0

namespace support {

/// A caller who may want its call to end.
struct asked_to_stop {
    bool stop = false;
    bool stop_requested() const noexcept { return stop; }
};

} // namespace support
