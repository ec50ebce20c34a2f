#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <keel/circuit_stats.hpp>
#include <keel/detail/circuit_word.hpp>
#include <keel/duration.hpp>

#include <cstdint>
#include <string>

namespace matrix {

// What policies count, in words: to be compared, and read where they differ.

inline std::string account_of_circuit(const keel::circuit_stats& s, bool counts_successes) {
    std::string text = std::string(keel::name(s.state)) + " since " +
                       std::to_string(s.since.time_since_epoch().count()) + ", window " +
                       std::to_string(s.window.calls) + "/" + std::to_string(s.window.failed) + "/" +
                       std::to_string(s.window.slow) + ", failures " + std::to_string(s.totals.failures) +
                       ", ignored " + std::to_string(s.totals.ignored) + ", slow " + std::to_string(s.totals.slow) +
                       ", late " + std::to_string(s.totals.late) + ", rejected " + std::to_string(s.totals.rejected) +
                       ", opens " + std::to_string(s.totals.opens);
    if (counts_successes) text += ", successes " + std::to_string(s.totals.successes);
    return text;
}
inline std::string account_of_bulkhead(std::int64_t in_flight, std::int64_t waiting) {
    return std::to_string(in_flight) + " in flight, " + std::to_string(waiting) + " waiting";
}
inline std::string account_of_limit(std::int64_t limit, std::int64_t in_flight, std::int64_t latency) {
    return "limit " + std::to_string(limit) + ", " + std::to_string(in_flight) + " in flight, latency " +
           std::to_string(latency);
}
/// `available` is below 0 where calls wait.
inline std::string account_of_rate_limit(std::int64_t available) {
    return std::to_string(available > 0 ? available : 0) + " permits";
}
inline std::string account_of_throttle(double probability) { return "leaves out " + std::to_string(probability); }
inline std::string account_of_budget(std::int64_t thousandths) { return std::to_string(thousandths) + "/1000 tokens"; }
inline std::string account_of_chaos(std::uint64_t injected) { return std::to_string(injected) + " injected"; }

} // namespace matrix
