// SPDX-License-Identifier: BSL-1.0
#include "play.hpp"
#include "stories.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/backoff/exp_jitter.hpp>
#include <keel/backoff/exponential.hpp>
#include <keel/backoff/linear.hpp>
#include <keel/backoff/schedule.hpp>
#include <keel/breaker.hpp>
#include <keel/random.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>

#include <ranges>
#include <system_error>

using keel::errc;

namespace drivers {
namespace {

constexpr keel::exp_jitter jittered{.base = 10ms, .cap = 1s};

/// When the attempts of a retry after these delays begin, each of which takes 1 ms; `seed` is that of the story.
std::vector<time> begin_after(const auto& delays, int retries, std::uint64_t seed) {
    keel::thread_random().seed(seed);
    std::vector<time> all{time(0)};
    for (const time d : delays | std::views::take(retries))
        all.push_back(all.back() + 1ms + d);
    return all;
}

result hinting(time after) {
    return {.how = result::form::error, .error = make_error_code(std::errc::io_error), .retry_after = after};
}

constexpr auto is_timeout = [](std::error_code e) { return e == std::errc::timed_out; };

} // namespace

std::vector<story> stories_of_retries() {
    return {
        {.name = "a retry ends with the first success",
         .chain = [](auto&) { return keel::retry<keel::constant>; },
         .calls = {{.attempts = {fails(1ms), succeeds(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms, .with = success}}},
        {.name = "a retry ends with the last failure when no attempt is left",
         .chain = [](auto&) { return keel::retry<keel::constant>; },
         .calls = {{.attempts = {fails(1ms), fails(1ms), fails(1ms, std::errc::timed_out)},
                    .tried = {0ms, 11ms, 22ms},
                    .ended = 23ms,
                    .with = failed(std::errc::timed_out)}}},
        {.name = "an exception is a failure like any other",
         .chain = [](auto&) { return keel::retry<keel::constant>; },
         .calls = {{.attempts = {throws(1ms), fails(1ms), throws(1ms)},
                    .tried = {0ms, 11ms, 22ms},
                    .ended = 23ms,
                    .with = threw}}},
        {.name = "a single attempt is not repeated",
         .chain = [](auto&) { return keel::retry<keel::constant>({.attempts = 1}); },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()}}},
        {.name = "a retry may come at once",
         .chain = [](auto&) { return keel::retry<keel::constant>({.backoff = {.every = 0ms}}); },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms, 1ms, 2ms}, .ended = 3ms, .with = failed()}}},
        {.name = "delays grow by a step",
         .chain =
             [](auto&) {
                 return keel::retry<keel::linear>({.attempts = 5, .backoff = {.base = 10ms, .step = 5ms, .cap = 20ms}});
             },
         .calls =
             {{.attempts = {fails(1ms)}, .tried = {0ms, 11ms, 27ms, 48ms, 69ms}, .ended = 70ms, .with = failed()}}},
        {.name = "delays grow by a factor",
         .chain =
             [](auto&) {
                 return keel::retry<keel::exponential>({.attempts = 5, .backoff = {.base = 10ms, .cap = 30ms}});
             },
         .calls =
             {{.attempts = {fails(1ms)}, .tried = {0ms, 11ms, 32ms, 63ms, 94ms}, .ended = 95ms, .with = failed()}}},
        {.name = "a schedule ends the retries",
         .chain = [](auto&) { return keel::retry_on(keel::schedule{10ms, 50ms}); },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms, 11ms, 62ms}, .ended = 63ms, .with = failed()}}},
        {.name = "jitter is drawn once for each retry",
         .chain = [](auto&) { return keel::retry<keel::exp_jitter>({.attempts = 5, .backoff = jittered}); },
         .seed = 42,
         .calls = {{.attempts = {fails(1ms)},
                    .tried = begin_after(jittered, 4, 42),
                    .ended = begin_after(jittered, 4, 42).back() + 1ms,
                    .with = failed()}}},
        {.name = "what is cancelled is not repeated",
         .chain = [](auto&) { return keel::retry<keel::constant>; },
         .calls =
             {{.attempts = {fails(1ms), is_cancelled(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms, .with = cancelled}}},
        {.name = "who has stopped a call gets no further attempt",
         .chain = [](auto&) { return keel::retry<keel::constant>; },
         .calls = {{.attempts = {fails(2ms)}, .tried = {0ms}, .ended = 2ms, .with = failed(), .stopped_at = 1013us}}},
        {.name = "who stops a call during a wait gets no further attempt after it",
         .chain = [](auto&) { return keel::retry<keel::constant>; },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 11ms, .with = failed(), .stopped_at = 5013us}}},
        {.name = "a refusal by an open circuit is not repeated",
         .chain =
             [](auto&) {
                 return keel::retry<keel::constant> |
                        keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}, .open_for = 1s});
             },
         .calls =
             {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 11ms, .with = rejected(errc::circuit_open, 990ms)}},
         .account = "open@1ms, 1 failed, 1 rejected"},
        {.name = "a refusal by an open circuit is repeated where that is asked for, after its hint",
         .chain =
             [](auto&) {
                 return keel::retry<keel::constant>({.when_open = true}) |
                        keel::breaker<keel::consecutive_failures>(
                            {.window = {.failures = 1}, .open_for = 50ms, .half_open_calls = 1});
             },
         .calls = {{.attempts = {fails(1ms), succeeds(1ms)}, .tried = {0ms, 51ms}, .ended = 52ms, .with = success}},
         .account = "open@1ms half_open@51ms closed@52ms, 1 failed, 1 rejected"},
        {.name = "a retry waits as long as a refusal says",
         .chain =
             [](auto&) {
                 return keel::retry<keel::constant> | keel::rate_limit({.rate = 1, .per = 100ms, .burst = 1});
             },
         .calls = {{.attempts = {succeeds()}, .tried = {0ms}, .ended = 0ms},
                   {.at = 10ms, .attempts = {succeeds(1ms)}, .tried = {100ms}, .ended = 101ms}},
         .account = "0 permits"},
        {.name = "a retry waits as long as an error says",
         .chain = for_hints([](auto&) { return keel::retry<keel::constant>; }),
         .calls =
             {{.attempts = {{.takes = 1ms, .ends = hinting(30ms)}, {.takes = 1ms, .ends = hinting(5ms)}, succeeds(1ms)},
               .tried = {0ms, 31ms, 42ms},
               .ended = 43ms}}},
        {.name = "only errors that are selected are repeated",
         .chain = for_errors([](auto&) { return keel::retry<keel::constant>.failing_if(is_timeout); }),
         .calls = {{.attempts = {fails(1ms, std::errc::timed_out), fails(1ms)},
                    .tried = {0ms, 11ms},
                    .ended = 12ms,
                    .with = failed()}}},
        {.name = "errors that do not count are not repeated",
         .chain = for_errors([](auto&) { return keel::retry<keel::constant>.ignoring_if(is_timeout); }),
         .calls = {{.attempts = {fails(1ms), fails(1ms, std::errc::timed_out)},
                    .tried = {0ms, 11ms},
                    .ended = 12ms,
                    .with = failed(std::errc::timed_out)}}},
        {.name = "only exceptions that are selected are repeated",
         .chain =
             for_exceptions([](auto&) { return keel::retry<keel::constant>.template failing_on<std::system_error>(); }),
         .calls = {{.attempts = {fails(1ms), throws(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms, .with = threw}}},
        {.name = "exceptions that do not count are not repeated",
         .chain =
             for_exceptions([](auto&) { return keel::retry<keel::constant>.template ignoring<std::system_error>(); }),
         .calls = {{.attempts = {throws(1ms), fails(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms, .with = failed()}}},
        {.name = "values that are selected are repeated, and the last one is the result",
         .chain =
             for_exceptions([](auto&) { return keel::retry<keel::constant>.failing_if([](int v) { return v < 0; }); }),
         .calls = {{.attempts = {{.ends = succeeded(-1)}, {.ends = succeeded(5)}},
                    .tried = {0ms, 10ms},
                    .ended = 10ms,
                    .with = succeeded(5)},
                   {.at = 20ms,
                    .attempts = {{.ends = succeeded(-1)}, {.ends = succeeded(-2)}, {.ends = succeeded(-3)}},
                    .tried = {20ms, 30ms, 40ms},
                    .ended = 40ms,
                    .with = succeeded(-3)}}},
        {.name = "calls in an attempt take their retries from those of the call",
         .chain = for_exceptions([](auto&) { return keel::retry<keel::constant>; }),
         .calls = {{.attempts = {{.ends = failed(),
                                  .calls = {{.attempts = {fails(1ms)},
                                             .tried = {0ms, 11ms, 22ms},
                                             .ended = 23ms,
                                             .with = failed(),
                                             .part = true}}}},
                    .tried = {0ms},
                    .ended = 23ms,
                    .with = failed()}}},
        {.name = "calls in an attempt have no retries where the call has none left after a refusal",
         .chain = for_exceptions([](auto&) {
             return keel::retry<keel::constant>({.attempts = 2}) |
                    keel::rate_limit({.rate = 1, .per = 10ms, .burst = 1});
         }),
         .calls =
             {{.tried = {0ms}, .ended = 0ms},
              {.at = 1ms,
               .attempts = {{.ends = failed(),
                             .calls = {{.ended = 11ms, .with = rejected(errc::rate_limited, 10ms), .part = true}}}},
               .tried = {11ms},
               .ended = 11ms,
               .with = failed()}},
         .account = "0 permits"},
        {.name = "calls in an attempt that are no part of the call have retries of their own",
         .chain = [](auto&) { return keel::retry<keel::constant>({.attempts = 2}); },
         .calls = {{.attempts =
                        {{.ends = failed(),
                          .calls = {{.attempts = {fails(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms, .with = failed()}}},
                         succeeds(1ms)},
                    .tried = {0ms, 22ms},
                    .ended = 23ms}}},
        {.name = "nested retries multiply their attempts, as far as all of them have retries left",
         .chain =
             [](auto&) {
                 return keel::retry<keel::constant>({.attempts = 2}) |
                        keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 1ms}});
             },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms, 2ms, 13ms, 15ms}, .ended = 16ms, .with = failed()}}},
        {.name = "a budget that is spent allows no retries, and successes refill it",
         .chain = [](auto&) { return keel::retry<keel::constant>.budgeted({.max_tokens = 3, .ratio = 0.5}); },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms, .with = failed()},
                   {.at = 20ms, .tried = {20ms}, .ended = 20ms},
                   {.at = 30ms, .tried = {30ms}, .ended = 30ms},
                   {.at = 40ms, .tried = {40ms}, .ended = 40ms},
                   {.at = 50ms, .tried = {50ms}, .ended = 50ms},
                   {.at = 60ms, .attempts = {fails(1ms)}, .tried = {60ms, 71ms}, .ended = 72ms, .with = failed()}},
         .account = "1000/1000 tokens"},
        {.name = "what is cancelled costs a budget nothing",
         .chain = [](auto&) { return keel::retry<keel::constant>.budgeted({.max_tokens = 3, .ratio = 0.5}); },
         .calls = {{.attempts = {is_cancelled(1ms)}, .tried = {0ms}, .ended = 1ms, .with = cancelled}},
         .account = "3000/1000 tokens"},
        {.name = "pipelines share a budget",
         .chain =
             [](auto& in) {
                 auto& budget =
                     in.template shared<keel::retry_budget>(keel::retry_budget_config{.max_tokens = 3, .ratio = 0.5});
                 return keel::retry<keel::constant>({.backoff = {}, .budget = &budget});
             },
         .pipelines = 2,
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms, .with = failed(), .by = 1},
                   {.at = 20ms, .attempts = {fails(1ms)}, .tried = {20ms}, .ended = 21ms, .with = failed()}},
         .account = "0/1000 tokens"},
    };
}

} // namespace drivers
