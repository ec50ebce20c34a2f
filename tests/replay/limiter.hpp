#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "trace.hpp"

#include <keel/duration.hpp>
#include <keel/rate/fixed_window.hpp>
#include <keel/rate/limiter.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace replay {

/// The flag of a trace in which permits are drained: what Resilience4j makes of that depends on when it last looked at
/// the time, and keel has no such operation.
inline constexpr unsigned drained = 2;

inline keel::fixed_window config_of(const limiter_trace& t) {
    return {.limit = t.limit, .period = t.period, .max_wait = t.max_wait};
}

/// How many operations end otherwise than recorded, in answer, permits left, wait for one, or cycle. Prints the first.
inline std::size_t mismatches_of(const limiter_trace& t) {
    keel::time_point now(t.start);
    keel::rate_limiter<keel::fixed_window> limiter{config_of(t), now};
    std::size_t found = 0;
    for (std::size_t i = 0; i < t.records.size(); ++i) {
        const limiter_record& r = t.records[i];
        std::string wrong;
        const auto expect = [&](const char* what, std::int64_t is, std::int64_t recorded) {
            if (is != recorded)
                wrong += std::string(" ") + what + " " + std::to_string(is) + " instead of " + std::to_string(recorded);
        };
        if (r.op == 'V') {
            now += std::chrono::nanoseconds(r.x);
        } else {
            const keel::rate_reservation reserved = limiter.try_acquire(now, r.x);
            if (r.op == 'A')
                expect("granted", reserved.granted, r.y);
            else
                expect("wait", reserved.granted ? reserved.wait.count : -1, r.y);
        }
        expect("available", limiter.available(now), r.available);
        expect("wait for one", limiter.wait_for(now).count, r.wait);
        expect("cycle", (now.time_since_epoch() - t.start) / t.period, r.cycle);
        if (wrong.empty()) continue;
        if (found++ == 0)
            std::printf("%s, operation %zu `%s`:%s\n", t.name.c_str(), i + 1, r.line.c_str(), wrong.c_str());
    }
    return found;
}

} // namespace replay
