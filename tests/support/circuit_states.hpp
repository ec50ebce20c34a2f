#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/circuit_stats.hpp>
#include <keel/outcome.hpp>

namespace support {

inline constexpr keel::circuit_state all_states[] = {keel::circuit_state::closed,    keel::circuit_state::open,
                                                     keel::circuit_state::half_open, keel::circuit_state::forced_open,
                                                     keel::circuit_state::disabled,  keel::circuit_state::metrics_only};
inline constexpr keel::ending all_endings[] = {keel::ending::succeeded, keel::ending::failed, keel::ending::ignored};

/// By hand, whatever state it is in.
template <class Circuit>
void put_in(Circuit& c, keel::circuit_state s) {
    switch (s) {
    case keel::circuit_state::closed:
        return c.close();
    case keel::circuit_state::open:
        return c.open();
    case keel::circuit_state::half_open:
        return c.half_open();
    case keel::circuit_state::forced_open:
        return c.force_open();
    case keel::circuit_state::disabled:
        return c.disable();
    case keel::circuit_state::metrics_only:
        return c.metrics_only();
    }
}

} // namespace support
