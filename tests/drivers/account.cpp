// SPDX-License-Identifier: BSL-1.0
#include "account.hpp"

namespace drivers {

std::string text_of(time t) {
    if (t == time::max()) return "never";
    std::string digits = std::to_string(t.count() % 1'000'000 + 1'000'000);
    digits.erase(digits.find_last_not_of('0') + 1);
    return std::to_string(t.count() / 1'000'000) + (digits == "1" ? "" : "." + digits.substr(1)) + "ms";
}

std::string account_of_circuit(const keel::circuit_log& log, const keel::circuit_stats& s, bool counts_successes) {
    account a;
    std::string states = log.size == 0 ? name(s.state) : "";
    for (const keel::circuit_transition& t : log)
        states += (states.empty() ? "" : " ") + std::string(name(t.to)) + "@" + text_of(t.at.time_since_epoch());
    a.said(states);
    if (counts_successes) a.add(s.totals.successes, "succeeded");
    a.add(s.totals.failures, "failed").add(s.totals.slow, "slow").add(s.totals.ignored, "ignored");
    a.add(s.totals.late, "late").add(s.totals.rejected, "rejected");
    return a.text();
}

} // namespace drivers
