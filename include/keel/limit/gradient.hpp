#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "../config.hpp"
#include "../detail/lesser.hpp"
#include "strategy.hpp"

#include <utility>

namespace keel {

/// Lowers the limit while calls take longer than they usually do, and raises it while they do not: what is beyond the
/// callee's capacity waits there, and shows as latency.
///
/// After each window in which the limit was used, it moves by the share `smoothing` towards limit x gradient +
/// sqrt(limit), with gradient = tolerance x usual latency / latency of the window, held between 0.5 and 1. It comes to
/// rest where latency is tolerance / (1 - 1 / sqrt(limit)) times the usual.
///
/// The usual latency is an exponential average over `long_windows`; while it is more than twice that of the window, it
/// comes down by a twentieth each time. Under sustained load it would drift up until the time in the callee's queue
/// passes for usual. So at the start, and after every `probe_every` windows of use, the limit is lowered to a quarter
/// until calls that began under it have ended: their latency is the usual one from then on, and
/// the limit is what it was before.
///
/// A window with too many failures raises no limit and teaches no latency. Before any other it lowers the limit by a
/// tenth, so that a process that starts during an overload does not add to it.
///
/// The average, the rule and its guards are those of `Gradient2Limit` in Netflix's concurrency-limits, the probes in
/// the manner of Cardwell et al., "BBR: Congestion-Based Congestion Control" (2016).
struct gradient {
    double tolerance = 1.5; ///< latencies up to so many times the usual do not lower the limit; 1 to 10
    double smoothing = 0.2; ///< above 0, at most 1
    int long_windows = 600; ///< over how many windows the usual latency is averaged; 1 to 1e6
    int probe_every = 60;   ///< windows in which the limit was used, between two probes; 4 to 1e6

    struct memory {
        double usual = 0;                 ///< in nanoseconds; 0 while nothing was seen
        double before_probe = 0;          ///< the limit to go back to; 0 while there is no probe
        double probing_for = 0;           ///< in nanoseconds
        int used_since_probe = 1'000'000; ///< windows; at first as many as there can ever be between two
    };
    static constexpr bool uses_latency = true;

    double next(memory& m, double limit, const limit_window& w) const noexcept {
        const auto latency = static_cast<double>(w.latency.count);
        if (m.before_probe > 0) {
            // Twice the mean, because some calls take longer than it.
            const bool saw_it = m.probing_for >= 2 * latency;
            m.probing_for += static_cast<double>(w.length.count);
            if (!saw_it) return limit;
            if (!w.failing) m.usual = latency;
            m.used_since_probe = 0;
            return std::exchange(m.before_probe, 0);
        }
        if (!w.failing) average(m, latency);
        if (!w.used) return limit;
        // Calls fail, and nobody knows yet how long one takes that does not.
        if (m.usual == 0) return limit * 0.9;
        if (++m.used_since_probe >= probe_every) {
            m.before_probe = limit;
            m.probing_for = 0;
            return limit / 4;
        }
        const double ratio = tolerance * m.usual / latency;
        const double held = ratio < 0.5 ? 0.5 : detail::lesser(ratio, 1.0);
        // Not <cmath>, for one instruction.
        const double target = limit * held + __builtin_sqrt(limit);
        const double moved = limit * (1 - smoothing) + target * smoothing;
        return w.failing ? detail::lesser(moved, limit) : moved;
    }

    constexpr void check(detail::checker& c) const noexcept {
        c.require(tolerance >= 1 && tolerance <= 10, "strategy.tolerance", tolerance, "must be from 1 to 10")
            .share("strategy.smoothing", smoothing)
            .require(long_windows >= 1 && long_windows <= 1'000'000, "strategy.long_windows", long_windows,
                     "must be from 1 to 1000000")
            .require(probe_every >= 4 && probe_every <= 1'000'000, "strategy.probe_every", probe_every,
                     "must be from 4 to 1000000");
    }

  private:
    void average(memory& m, double latency) const noexcept {
        if (m.usual == 0) m.usual = latency;
        m.usual += (latency - m.usual) * (2.0 / (long_windows + 1.0));
        if (m.usual > 2 * latency) m.usual *= 0.95;
    }
};

} // namespace keel
