// SPDX-License-Identifier: BSL-1.0
#include "play.hpp"
#include "stories.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/backoff/exp_jitter.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/chaos.hpp>
#include <keel/fallback.hpp>
#include <keel/limit.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/throttle.hpp>
#include <keel/through.hpp>
#include <keel/timeout.hpp>

namespace drivers {

std::vector<story> stages() {
    return {
        {.name = "timeout | retry | timeout | breaker",
         .chain =
             [](auto& in) {
                 const auto outer = in.drawn(), inner = in.drawn();
                 return keel::timeout(outer.timeout) | keel::retry<keel::constant>(outer.retry) |
                        keel::timeout(inner.timeout) | keel::breaker<keel::consecutive_failures>(inner.breaker);
             }},
        {.name = "breaker by rate | retry with budget | bulkhead | chaos of latency",
         .chain =
             [](auto& in) {
                 const auto s = in.drawn();
                 auto& budget = in.template shared<keel::retry_budget>(s.budget);
                 return keel::breaker<keel::sliding_window>(s.breaker_by_rate) |
                        keel::retry<keel::constant>({s.retry.attempts, s.retry.backoff, s.retry.when_open, &budget}) |
                        keel::bulkhead(s.bulkhead) | keel::chaos(s.chaos).latency(s.injected_latency);
             },
         .pipelines = 2},
        {.name = "fallback | timeout | rate_limit | retry with jitter | through",
         .chain =
             [](auto& in) {
                 const auto s = in.drawn();
                 return keel::fallback(in.noting({s.answer})) | keel::timeout(s.timeout) |
                        keel::rate_limit(s.rate_limit) | keel::retry<keel::exp_jitter> |
                        keel::through(in.circuit(s.breaker_by_rate));
             },
         .pipelines = 2},
        {.name = "throttle | retry | limit by latency | timeout | chaos",
         .chain =
             [](auto& in) {
                 const auto s = in.drawn();
                 return keel::throttle(s.throttle) | keel::retry<keel::constant>(s.retry) |
                        keel::limit<keel::gradient>(s.limit_by_latency) | keel::timeout(s.timeout) |
                        keel::chaos(s.chaos).fault();
             }},
        {.name = "timeout | bulkhead | rate_limit by window | limit | breaker",
         .chain =
             [](auto& in) {
                 const auto s = in.drawn();
                 return keel::timeout(s.timeout) | keel::bulkhead(s.bulkhead) |
                        keel::rate_limit(s.rate_limit_by_window) | keel::limit<keel::aimd>(s.limit) |
                        keel::breaker<keel::consecutive_failures>(s.breaker);
             }},
        {.name = "retry | fallback function | breaker | through bulkhead | retry",
         .chain =
             [](auto& in) {
                 const auto outer = in.drawn(), inner = in.drawn();
                 auto& permits = in.template shared<keel::shared_bulkhead<>>(outer.bulkhead);
                 return keel::retry<keel::constant>(outer.retry) |
                        keel::fallback(in.noting({.why = make_error_code(std::errc::host_unreachable)})) |
                        keel::breaker<keel::consecutive_failures>(outer.breaker) | keel::through(permits) |
                        keel::retry<keel::constant>(inner.retry);
             },
         .pipelines = 2},
    };
}

} // namespace drivers
