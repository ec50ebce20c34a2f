// SPDX-License-Identifier: BSL-1.0
#include "play.hpp"
#include "stories.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/bulkhead.hpp>
#include <keel/limit.hpp>
#include <keel/retry.hpp>
#include <keel/through.hpp>
#include <keel/timeout.hpp>

using keel::errc;

namespace drivers {
namespace {

constexpr auto one_permit = keel::bulkhead({.permits = 1});
constexpr auto one_in_time = keel::bulkhead({.permits = 1, .max_wait = 20ms});

const result full = rejected(errc::bulkhead_full);
const result beyond = rejected(errc::limit_exceeded);

/// A call whose function makes these, one after the other, and then succeeds.
call around(time at, std::vector<call> calls, time ended) {
    return {.at = at, .attempts = {{.calls = std::move(calls)}}, .tried = {at}, .ended = ended};
}

} // namespace

std::vector<story> stories_of_permits() {
    return {
        {.name = "a bulkhead refuses who comes while all its permits are out",
         .chain = [](auto&) { return keel::bulkhead({.permits = 2}); },
         .calls = {around(0ms, {around(1ms, {{.at = 2ms, .ended = 2ms, .with = full}}, 2ms)}, 2ms),
                   around(3ms, {{.at = 3ms, .tried = {3ms}, .ended = 3ms}}, 3ms)}},
        {.name = "a permit comes back however the call ends",
         .chain = [](auto&) { return one_permit; },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()},
                   {.attempts = {is_cancelled(1ms)}, .tried = {1ms}, .ended = 2ms, .with = cancelled},
                   {.attempts = {throws(1ms)}, .tried = {2ms}, .ended = 3ms, .with = threw},
                   {.at = 4ms, .ended = 4ms, .with = full},
                   {.at = 6ms, .tried = {6ms}, .ended = 6ms}},
         .guests = {{.from = 3013us, .to = 5013us, .ends = guest::end::dropped}},
         .let_in = "i"},
        {.name = "who waits gets the permit that comes back, at the next look",
         .chain = [](auto&) { return one_in_time; },
         .calls = {{.at = 1ms, .attempts = {succeeds(1ms)}, .tried = {5050us}, .ended = 6050us}},
         .guests = {{.from = 13us, .to = 5013us}},
         .let_in = "i"},
        {.name = "who waits for too long is refused",
         .chain = [](auto&) { return one_in_time; },
         .calls = {around(0ms, {{.at = 1ms, .ended = 21ms, .with = full}}, 21ms)}},
        {.name = "nobody waits for a permit past the deadline",
         .chain = [](auto&) { return keel::timeout(3ms) | one_in_time; },
         .calls = {{.at = 1ms, .ended = 4ms, .with = full}},
         .guests = {{.from = 13us, .to = 9013us}},
         .account = "",
         .let_in = "i"},
        {.name = "an attempt has what its deadline has left after the wait for a permit",
         .chain = [](auto&) { return keel::timeout(6ms) | one_in_time; },
         .calls = {{.at = 1ms,
                    .attempts = {succeeds(2ms)},
                    .tried = {5050us},
                    .ended = 7050us,
                    .with = rejected(errc::timed_out),
                    .due = {7ms}}},
         .guests = {{.from = 13us, .to = 5013us}},
         .let_in = "i"},
        {.name = "who has stopped a call waits for no permit",
         .chain = [](auto&) { return one_in_time; },
         .calls = {{.at = 1ms, .ended = 1ms, .with = full, .stopped_at = 513us}},
         .guests = {{.from = 13us, .to = 5013us}},
         .let_in = "i"},
        {.name = "who stops a call in line leaves it at the next look",
         .chain = [](auto&) { return one_in_time; },
         .calls = {{.at = 1ms, .ended = 3050us, .with = full, .stopped_at = 3013us},
                   {.at = 6ms, .tried = {6ms}, .ended = 6ms}},
         .guests = {{.from = 13us, .to = 5013us}},
         .let_in = "i"},
        {.name = "who waits stands behind those who came before, until they give up",
         .chain = [](auto&) { return one_in_time; },
         .calls = {{.at = 1ms, .attempts = {succeeds(1ms)}, .tried = {8050us}, .ended = 9050us}},
         .guests = {{.from = 13us, .to = 5013us}, {.from = 113us, .to = 8013us}},
         .let_in = "io"},
        {.name = "who gives up waiting stands in nobody's way",
         .chain = [](auto&) { return one_in_time; },
         .calls = {{.at = 1ms, .attempts = {succeeds(1ms)}, .tried = {5050us}, .ended = 6050us}},
         .guests = {{.from = 13us, .to = 5013us}, {.from = 113us, .to = 3013us}},
         .let_in = "io"},
        {.name = "inside a retry no permit is held between attempts",
         .chain = [](auto&) { return keel::retry<keel::constant> | one_permit; },
         .calls = {{.attempts = {fails(1ms), succeeds(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms}},
         .guests = {{.from = 5013us, .to = 6013us}},
         .let_in = "i"},
        {.name = "outside a retry the permit is held between attempts",
         .chain = [](auto&) { return one_permit | keel::retry<keel::constant>; },
         .calls = {{.attempts = {fails(1ms), succeeds(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms}},
         .guests = {{.from = 5013us, .to = 6013us}},
         .let_in = "o"},
        {.name = "a refusal for want of a permit is worth another attempt",
         .chain = [](auto&) { return keel::retry<keel::constant> | one_permit; },
         .calls = {{.at = 1ms, .tried = {11ms}, .ended = 11ms}},
         .guests = {{.from = 13us, .to = 5013us}},
         .let_in = "i"},
        {.name = "a refusal for want of a permit is none by the callee",
         .chain =
             [](auto&) { return keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) | one_permit; },
         .calls = {{.at = 1ms, .ended = 1ms, .with = full}},
         .guests = {{.from = 13us, .to = 5013us}},
         .account = "closed, 1 ignored",
         .let_in = "i"},
        {.name = "pipelines share the permits of a bulkhead",
         .chain =
             [](auto& in) {
                 auto& shared = in.template shared<keel::shared_bulkhead<>>(keel::bulkhead_config{.permits = 1});
                 return keel::timeout(50ms) | keel::through(shared);
             },
         .pipelines = 2,
         .calls = {around(0ms, {{.at = 1ms, .ended = 1ms, .with = full, .by = 1}}, 1ms),
                   {.at = 3ms, .ended = 3ms, .with = full},
                   {.at = 5ms, .tried = {5ms}, .ended = 5ms, .by = 1}},
         .guests = {{.from = 2013us, .to = 4013us, .by = 1}},
         .let_in = "i"},
        {.name = "a limit grows by one after each window in which it was used, and shrinks by a share after failures",
         .chain =
             [](auto&) {
                 return keel::limit<keel::aimd>({.initial = 1,
                                                 .max = 10,
                                                 .window = 10ms,
                                                 .minimum_calls = 1,
                                                 .failure_rate = 0.5,
                                                 .strategy = {.backoff = 0.5}});
             },
         .calls = {around(0ms, {{.at = 1ms, .ended = 1ms, .with = beyond}}, 1ms),
                   {.at = 11ms, .tried = {11ms}, .ended = 11ms},
                   around(12ms, {around(13ms, {{.at = 14ms, .ended = 14ms, .with = beyond}}, 14ms)}, 14ms),
                   {.at = 21ms, .tried = {21ms}, .ended = 21ms},
                   around(22ms, {around(23ms, {around(24ms, {}, 24ms)}, 24ms)}, 24ms),
                   {.at = 25ms, .attempts = {fails(1ms)}, .tried = {25ms}, .ended = 26ms, .with = failed()},
                   {.at = 26ms, .attempts = {fails(1ms)}, .tried = {26ms}, .ended = 27ms, .with = failed()},
                   {.at = 27ms, .attempts = {fails(1ms)}, .tried = {27ms}, .ended = 28ms, .with = failed()},
                   {.at = 28ms, .attempts = {fails(1ms)}, .tried = {28ms}, .ended = 29ms, .with = failed()},
                   {.at = 30ms, .attempts = {fails(1ms)}, .tried = {30ms}, .ended = 31ms, .with = failed()}},
         .account = "limit 1"},
        {.name = "a limit that is not used does not grow, and what is ignored counts for nothing",
         .chain =
             [](auto&) {
                 return keel::limit<keel::aimd>({.initial = 4, .max = 10, .window = 10ms, .minimum_calls = 1});
             },
         .calls = {{.tried = {0ms}},
                   {.attempts = {is_cancelled(1ms)}, .tried = {0ms}, .ended = 1ms, .with = cancelled},
                   {.at = 11ms, .tried = {11ms}, .ended = 11ms},
                   {.at = 21ms, .tried = {21ms}, .ended = 21ms}},
         .account = "limit 4"},
        {.name = "a limit by latency is lowered to see how long calls take, and then comes back",
         .chain =
             [](auto&) {
                 return keel::limit<keel::gradient>({.initial = 4, .max = 10, .window = 10ms, .minimum_calls = 1});
             },
         .calls = {{.attempts = {succeeds(2ms)}, .tried = {0ms}, .ended = 2ms},
                   around(10ms, {around(10ms, {}, 10ms)}, 10ms),
                   {.at = 10ms, .attempts = {succeeds(2ms)}, .tried = {10ms}, .ended = 12ms},
                   around(13ms, {{.at = 14ms, .ended = 14ms, .with = beyond}}, 14ms),
                   {.at = 20ms, .attempts = {succeeds(2ms)}, .tried = {20ms}, .ended = 22ms},
                   {.at = 30ms, .attempts = {succeeds(2ms)}, .tried = {30ms}, .ended = 32ms}},
         .account = "limit 4, latency 2ms"},
    };
}

} // namespace drivers
