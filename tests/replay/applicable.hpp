#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "trace.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace replay {

/// How far keel follows a trace: up to the first record that calls for what keel does not have, or does otherwise on
/// purpose. `why` is empty where that is all of it.
struct extent {
    std::size_t records = 0;
    std::string why;
};

inline extent applicable(const trace& t) {
    std::map<std::int64_t, std::int64_t> calls; // and the generation of each
    std::chrono::nanoseconds now = t.start, opened{};
    record before;
    for (std::size_t i = 0; i < t.records.size(); ++i) {
        const record& r = t.records[i];
        const auto stop = [&](const char* why) { return extent{i, why}; };
        if (r.op == "V" && r.generation != before.generation) return stop("a timer, where keel has leases");
        if (r.op == "A" && before.state == 'O' && now == opened + t.open_for)
            return stop("a call at exactly the end of the open period, which keel lets through");
        if (r.ends_call()) {
            const bool late = calls.at(r.a) != before.generation;
            if (late && r.is_result() && (before.state == 'C' || before.state == 'H' || before.state == 'M'))
                return stop("a late result, which keel drops");
            if (late && r.op == "R" && before.state == 'H') return stop("a late release, which keel drops");
            calls.erase(r.a);
        }
        if (r.op == "V") now += std::chrono::nanoseconds(r.b);
        if (r.op == "A" && r.b == 1) calls[r.a] = r.generation;
        if (r.state == 'O' && (before.state != 'O' || r.by_hand())) opened = now;
        before = r;
    }
    return {t.records.size(), ""};
}

} // namespace replay
