// SPDX-License-Identifier: BSL-1.0
#include "play.hpp"
#include "stories.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

using keel::errc;

namespace drivers {

namespace {
const result timed_out = rejected(errc::timed_out);
}

std::vector<story> stories_of_timeouts() {
    return {
        {.name = "a timeout that is not reached changes nothing",
         .chain = [](auto&) { return keel::timeout(10ms); },
         .calls = {{.attempts = {succeeds(4ms)}, .tried = {0ms}, .ended = 4ms, .with = success, .due = {10ms}}}},
        {.name = "a value that comes after the deadline is none",
         .chain = [](auto&) { return keel::timeout(10ms); },
         .calls = {{.attempts = {succeeds(11ms)}, .tried = {0ms}, .ended = 11ms, .with = timed_out}}},
        {.name = "a value that comes at the deadline is in time",
         .chain = [](auto&) { return keel::timeout(10ms); },
         .calls = {{.attempts = {succeeds(10ms)}, .tried = {0ms}, .ended = 10ms, .with = success}}},
        {.name = "a late value is kept where that is asked for",
         .chain = [](auto&) { return keel::timeout({.after = 10ms, .late_success = keel::late_success::keep}); },
         .calls = {{.attempts = {succeeds(11ms)}, .tried = {0ms}, .ended = 11ms, .with = success, .due = {10ms}}}},
        {.name = "an error that comes after the deadline stays what it is",
         .chain = [](auto&) { return keel::timeout(10ms); },
         .calls = {{.attempts = {fails(11ms)},
                    .tried = {0ms},
                    .ended = 11ms,
                    .with = failed(),
                    .where_cancelled = timed_out},
                   {.attempts = {throws(11ms)},
                    .tried = {11ms},
                    .ended = 22ms,
                    .with = threw,
                    .where_cancelled = timed_out}}},
        {.name = "each call has its own deadline",
         .chain = [](auto&) { return keel::timeout(10ms); },
         .calls = {{.attempts = {succeeds(8ms)}, .tried = {0ms}, .ended = 8ms, .with = success, .due = {10ms}},
                   {.at = 9ms, .attempts = {succeeds(9ms)}, .tried = {9ms}, .ended = 18ms, .due = {19ms}}}},
        {.name = "the nearer of two deadlines is that of the outer timeout",
         .chain = [](auto&) { return keel::timeout(5ms) | keel::timeout(20ms); },
         .calls = {{.attempts = {succeeds(6ms)}, .tried = {0ms}, .ended = 6ms, .with = timed_out, .due = {5ms}}}},
        {.name = "the nearer of two deadlines is that of the inner timeout",
         .chain = [](auto&) { return keel::timeout(20ms) | keel::timeout(5ms); },
         .calls = {{.attempts = {succeeds(6ms)}, .tried = {0ms}, .ended = 6ms, .with = timed_out, .due = {5ms}}}},
        {.name = "a call that is part of another one has the nearer deadline of both",
         .chain = [](auto&) { return keel::timeout(10ms); },
         .calls = {{.attempts = {{.takes = 4ms,
                                  .calls = {{.at = 1ms,
                                             .attempts = {succeeds(1ms)},
                                             .tried = {1ms},
                                             .ended = 2ms,
                                             .due = {10ms},
                                             .part = true},
                                            {.at = 2ms, .tried = {2ms}, .ended = 2ms, .due = {12ms}}}}},
                    .tried = {0ms},
                    .ended = 4ms}}},
        {.name = "a call that begins at the deadline of the one around it is refused",
         .chain = [](auto&) { return keel::timeout(10ms); },
         .calls = {{.attempts = {{.takes = 12ms,
                                  .calls = {{.at = 10ms, .ended = 10ms, .with = timed_out, .part = true},
                                            {.at = 10ms, .tried = {10ms}, .ended = 10ms}}}},
                    .tried = {0ms},
                    .ended = 12ms,
                    .with = timed_out}}},
        {.name = "outside a retry a timeout bounds all attempts together",
         .chain = [](auto&) { return keel::timeout(25ms) | keel::retry<keel::constant>({.attempts = 5}); },
         .calls = {{.attempts = {fails(2ms)},
                    .tried = {0ms, 12ms, 24ms},
                    .ended = 26ms,
                    .with = failed(),
                    .where_cancelled = timed_out,
                    .due = {25ms, 25ms, 25ms}}}},
        {.name = "outside a retry a timeout ends the call with an attempt that succeeds too late",
         .chain = [](auto&) { return keel::timeout(25ms) | keel::retry<keel::constant>({.attempts = 5}); },
         .calls = {{.attempts = {fails(2ms), succeeds(20ms)}, .tried = {0ms, 12ms}, .ended = 32ms, .with = timed_out}}},
        {.name = "a retry does not wait to the deadline or past it",
         .chain = [](auto&) { return keel::timeout(12ms) | keel::retry<keel::constant>({.attempts = 5}); },
         .calls = {{.attempts = {fails(2ms)}, .tried = {0ms}, .ended = 2ms, .with = failed(), .due = {12ms}}}},
        {.name = "inside a retry a timeout bounds each attempt",
         .chain = [](auto&) { return keel::retry<keel::constant> | keel::timeout(5ms); },
         .calls = {{.attempts = {succeeds(6ms), succeeds(7ms), succeeds(1ms)},
                    .tried = {0ms, 16ms, 33ms},
                    .ended = 34ms,
                    .with = success,
                    .due = {5ms, 21ms, 38ms}}}},
        {.name = "timeouts inside and outside a retry bound each attempt and all of them",
         .chain = [](auto&) { return keel::timeout(30ms) | keel::retry<keel::constant> | keel::timeout(15ms); },
         .calls = {{.attempts = {succeeds(16ms), succeeds(1ms), fails()},
                    .tried = {0ms, 26ms},
                    .ended = 27ms,
                    .with = success,
                    .due = {15ms, 30ms}}}},
    };
}

} // namespace drivers
