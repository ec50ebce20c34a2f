// SPDX-License-Identifier: BSL-1.0
#include "play.hpp"
#include "stories.hpp"

#include <keel/breaker.hpp>
#include <keel/through.hpp>
#include <keel/timeout.hpp>

using keel::errc;

namespace drivers {
namespace {

using in_a_row = keel::breaker_config<keel::consecutive_failures>;

constexpr in_a_row one_probe{.window = {.failures = 1},
                             .open_for = 10ms,
                             .half_open_calls = 1,
                             .half_open_max_wait = 20ms,
                             .growth = {.factor = 2, .jitter = 0}};
constexpr in_a_row two_probes{.window = {.failures = 1}, .open_for = 10ms, .half_open_calls = 2};
constexpr auto probed = keel::breaker<keel::consecutive_failures>(one_probe);

/// Opens a circuit at 1 ms.
const call opening{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()};
call refused(time at, time retry_after = {}) {
    return {.at = at, .ended = at, .with = rejected(errc::circuit_open, retry_after)};
}
call passes(time at) { return {.at = at, .attempts = {succeeds(1ms)}, .tried = {at}, .ended = at + 1ms}; }
call failing(time at) {
    return {.at = at, .attempts = {fails(1ms)}, .tried = {at}, .ended = at + 1ms, .with = failed()};
}

} // namespace

std::vector<story> stories_of_probes() {
    return {
        {.name = "a probe that fails opens the circuit again, for longer",
         .chain = [](auto&) { return probed; },
         .calls = {opening, refused(10ms, 1ms), failing(11ms), refused(12ms, 20ms), passes(32ms), failing(40ms),
                   refused(41ms, 10ms)},
         .account = "open@1ms half_open@11ms open@12ms half_open@32ms closed@33ms open@41ms, 3 failed, 3 rejected"},
        {.name = "only so many probes are out at a time, and their successes close the circuit",
         .chain = [](auto&) { return keel::breaker<keel::consecutive_failures>(two_probes); },
         .calls = {opening,
                   {.at = 11ms,
                    .attempts = {{.takes = 3ms,
                                  .calls = {{.at = 11ms,
                                             .attempts = {{.takes = 1ms, .calls = {refused(11ms)}}},
                                             .tried = {11ms},
                                             .ended = 12ms}}}},
                    .tried = {11ms},
                    .ended = 14ms},
                   passes(15ms)},
         .account = "open@1ms half_open@11ms closed@14ms, 1 failed, 1 rejected"},
        {.name = "probes are judged by their rate",
         .chain =
             [](auto&) {
                 return keel::breaker<keel::sliding_window>(
                     keel::breaker_config<keel::sliding_window>{.window = {.calls = 2},
                                                                .minimum_calls = 2,
                                                                .open_for = 10ms,
                                                                .half_open_calls = 3,
                                                                .growth = {.jitter = 0}});
             },
         .calls = {failing(0ms), failing(1ms), passes(12ms), failing(13ms), refused(14ms, 10ms)},
         .account = "open@2ms half_open@12ms open@14ms, 1 succeeded, 3 failed, 1 rejected"},
        {.name = "a probe that is cancelled leaves its place to the next one",
         .chain = [](auto&) { return probed; },
         .calls = {opening,
                   {.at = 11ms, .attempts = {is_cancelled(1ms)}, .tried = {11ms}, .ended = 12ms, .with = cancelled},
                   passes(12ms)},
         .account = "open@1ms half_open@11ms closed@13ms, 1 failed, 1 ignored"},
        {.name = "a probe that is dropped leaves its place to the next one",
         .chain = [](auto&) { return probed; },
         .calls = {opening, refused(12ms), passes(14ms)},
         .guests = {{.from = 11013us, .to = 13013us, .ends = guest::end::dropped}},
         .account = "open@1ms half_open@11.013ms closed@15ms, 1 failed, 1 ignored, 1 rejected",
         .let_in = "i"},
        {.name = "a probe that does not come back loses its place after the lease, and its result comes late",
         .chain = [](auto&) { return probed; },
         .calls = {opening, refused(31ms), passes(32ms)},
         .guests = {{.from = 11013us, .to = 40013us, .ends = guest::end::badly}},
         .account = "open@1ms half_open@11.013ms closed@33ms, 1 failed, 1 late, 1 rejected",
         .let_in = "i"},
        {.name = "a probe that comes back after another one took its place counts in the same generation",
         .chain = [](auto&) { return keel::breaker<keel::consecutive_failures>(one_probe); },
         .calls = {opening, {.at = 32ms, .attempts = {succeeds(10ms)}, .tried = {32ms}, .ended = 42ms}, passes(43ms)},
         .guests = {{.from = 11013us, .to = 40013us}},
         .account = "open@1ms half_open@11.013ms closed@40.013ms, 1 failed, 1 late",
         .let_in = "i"},
        {.name = "a slow probe opens the circuit again",
         .chain =
             [](auto&) {
                 return keel::breaker<keel::consecutive_failures>(in_a_row{.window = {.failures = 1},
                                                                           .slow_call = {.longer_than = 5ms},
                                                                           .open_for = 10ms,
                                                                           .half_open_calls = 1,
                                                                           .growth = {.jitter = 0}});
             },
         .calls = {opening,
                   {.at = 11ms, .attempts = {succeeds(6ms)}, .tried = {11ms}, .ended = 17ms},
                   refused(20ms, 7ms)},
         .account = "open@1ms half_open@11ms open@17ms, 1 failed, 1 slow, 1 rejected"},
        {.name = "what began before the circuit opened comes late",
         .chain = [](auto&) { return probed; },
         .calls =
             {{.attempts = {{.takes = 2ms,
                             .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()}}}},
               .tried = {0ms},
               .ended = 2ms},
              refused(3ms, 8ms)},
         .account = "open@1ms, 1 failed, 1 late, 1 rejected"},
        {.name = "a failure from before the circuit opened does not end its probes",
         .chain = [](auto&) { return probed; },
         .calls = {{.at = 1ms, .attempts = {fails(1ms)}, .tried = {1ms}, .ended = 2ms, .with = failed()},
                   {.at = 12ms, .attempts = {succeeds(5ms)}, .tried = {12ms}, .ended = 17ms},
                   passes(18ms)},
         .guests = {{.from = 13us, .to = 14013us, .ends = guest::end::badly}},
         .account = "open@2ms half_open@12ms closed@17ms, 1 failed, 1 late",
         .let_in = "i"},
        {.name = "a change by hand begins a new generation",
         .chain = [](auto&) { return probed; },
         .calls = {{.attempts = {fails(2ms)}, .tried = {0ms}, .ended = 2ms, .with = failed()}, passes(3ms)},
         .deeds = {{.at = 1013us, .what = deed::close}},
         .account = "closed@1.013ms, 1 late"},
        {.name = "a circuit that is forced open refuses until it is closed",
         .chain = [](auto&) { return probed; },
         .calls = {refused(1ms), refused(1h), passes(2h)},
         .deeds = {{.at = 13us, .what = deed::force_open}, {.at = 1h + 13us, .what = deed::close}},
         .account = "forced_open@0.013ms closed@3600000.013ms, 2 rejected"},
        {.name = "a circuit that is disabled lets everything pass and counts nothing",
         .chain = [](auto&) { return probed; },
         .calls = {failing(1ms), failing(2ms)},
         .deeds = {{.at = 13us, .what = deed::disable}},
         .account = "disabled@0.013ms"},
        {.name = "a circuit for metrics counts and does not open",
         .chain = [](auto&) { return probed; },
         .calls = {failing(1ms), failing(2ms)},
         .deeds = {{.at = 13us, .what = deed::metrics_only}},
         .account = "metrics_only@0.013ms, 2 failed"},
        {.name = "a circuit that is opened by hand stays open for as long as one that has tripped",
         .chain = [](auto&) { return probed; },
         .calls = {refused(1ms, 9013us), passes(11ms)},
         .deeds = {{.at = 13us, .what = deed::open}},
         .account = "open@0.013ms half_open@11ms closed@12ms, 1 rejected"},
        {.name = "a circuit that is half-open by hand asks for probes",
         .chain = [](auto&) { return probed; },
         .calls = {failing(1ms), refused(2ms, 20ms)},
         .deeds = {{.at = 13us, .what = deed::half_open}},
         .account = "half_open@0.013ms open@2ms, 1 failed, 1 rejected"},
        {.name = "a circuit that is reset has counted nothing",
         .chain = [](auto&) { return probed; },
         .calls = {opening, passes(2ms)},
         .deeds = {{.at = 1013us, .what = deed::reset}},
         .account = "open@1ms closed@1.013ms"},
        {.name = "pipelines share a circuit",
         .chain = [](auto& in) { return keel::timeout(5ms) | keel::through(in.circuit(one_probe)); },
         .pipelines = 2,
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed(), .by = 1},
                   refused(2ms, 9ms),
                   {.at = 11ms, .tried = {11ms}, .ended = 11ms, .by = 1},
                   passes(12ms)},
         .account = "open@1ms half_open@11ms closed@11ms, 1 failed, 1 rejected"},
    };
}

} // namespace drivers
