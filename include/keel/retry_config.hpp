#pragma once
// SPDX-License-Identifier: BSL-1.0

#include "backoff/backoff.hpp"
#include "backoff/exp_jitter.hpp"
#include "backoff/schedule.hpp" // IWYU pragma: keep: its overloads of what is asked of a backoff here
#include "config.hpp"
#include "duration.hpp"
#include "facts.hpp"

#include <cstdint>

namespace keel {

template <class Backoff = exp_jitter>
struct retry_config {
    int attempts = 3;       ///< the first one included; at least 1
    Backoff backoff{};      ///< a backoff, or a `schedule`
    bool when_open = false; ///< whether a refusal by an open circuit further in is worth another attempt

    constexpr config_error validate() const noexcept {
        const auto own = detail::checker("retry").require(attempts >= 1, "attempts", attempts, "must be at least 1");
        return own.error ? own.error : backoff.validate();
    }
    constexpr std::uint32_t retries() const {
        return detail::most_delays(backoff, static_cast<std::uint32_t>(attempts) - 1);
    }
    constexpr policy_facts facts() const noexcept {
        auto most = static_cast<std::uint64_t>(attempts) - 1;
        const nanos waits = detail::longest_waits(backoff, most);
        return {.name = "retry",
                .does = "runs what fails again",
                .attempts = most + 1,
                .waits = waits,
                .has_jitter = most == 0 || detail::draws<Backoff>};
    }
};

} // namespace keel
