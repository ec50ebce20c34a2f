// SPDX-License-Identifier: BSL-1.0
#include "play.hpp"
#include "stories.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/chaos.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/throttle.hpp>
#include <keel/timeout.hpp>

using keel::errc;

namespace drivers {
namespace {

result too_fast(time retry_after) { return rejected(errc::rate_limited, retry_after); }
const result left_out = rejected(errc::throttled);

call passes(time at) { return {.at = at, .tried = {at}, .ended = at}; }
call failing(time at) { return {.at = at, .attempts = {fails()}, .tried = {at}, .ended = at, .with = failed()}; }

} // namespace

std::vector<story> stories_of_rates() {
    return {
        {.name = "a rate limit lets a burst pass, and then one call after the other",
         .chain = [](auto&) { return keel::rate_limit({.rate = 1, .per = 10ms, .burst = 2}); },
         .calls = {passes(0ms),
                   passes(1ms),
                   {.at = 2ms, .ended = 2ms, .with = too_fast(8ms)},
                   passes(10ms),
                   {.at = 11ms, .ended = 11ms, .with = too_fast(9ms)},
                   passes(50ms),
                   passes(50ms),
                   {.at = 50ms, .ended = 50ms, .with = too_fast(10ms)}},
         .account = "0 permits"},
        {.name = "a call waits for its turn where it may",
         .chain = [](auto&) { return keel::rate_limit({.rate = 1, .per = 10ms, .burst = 1, .max_wait = 15ms}); },
         .calls = {passes(0ms),
                   {.at = 2ms, .attempts = {succeeds(1ms)}, .tried = {10ms}, .ended = 11ms},
                   {.at = 12ms, .tried = {20ms}, .ended = 20ms}},
         .account = "0 permits"},
        {.name = "a call that would have to wait for too long is refused at once",
         .chain = [](auto&) { return keel::rate_limit({.rate = 1, .per = 10ms, .burst = 1, .max_wait = 15ms}); },
         .calls = {passes(0ms),
                   {.at = 2ms, .ended = 2ms, .with = too_fast(18ms)},
                   {.at = 6ms, .tried = {10ms}, .ended = 10ms}},
         .guests = {{.from = 1013us, .to = 5013us}},
         .account = "0 permits",
         .let_in = "o"},
        {.name = "a call that would wait to its deadline is refused at once",
         .chain =
             [](auto&) {
                 return keel::timeout(5ms) | keel::rate_limit({.rate = 1, .per = 10ms, .burst = 1, .max_wait = 1s});
             },
         .calls = {passes(0ms),
                   {.at = 5ms, .ended = 5ms, .with = too_fast(5ms)},
                   {.at = 6ms, .tried = {10ms}, .ended = 10ms, .due = {11ms}}},
         .account = "0 permits"},
        {.name = "who has stopped a call waits for no turn",
         .chain = [](auto&) { return keel::rate_limit({.rate = 1, .per = 10ms, .burst = 1, .max_wait = 1s}); },
         .calls = {passes(0ms), {.at = 2ms, .ended = 2ms, .with = too_fast(8ms), .stopped_at = 1013us}},
         .account = "0 permits"},
        {.name = "who stops a call during the wait for its turn gives its permits back",
         .chain = [](auto&) { return keel::rate_limit({.rate = 1, .per = 10ms, .burst = 1, .max_wait = 1s}); },
         .calls = {passes(0ms), {.at = 2ms, .ended = 10ms, .with = too_fast(0ms), .stopped_at = 5013us}, passes(10ms)},
         .account = "0 permits"},
        {.name = "a period has so many permits",
         .chain = [](auto&) { return keel::rate_limit(keel::fixed_window{.limit = 2, .period = 10ms}); },
         .calls = {passes(0ms), passes(1ms), {.at = 2ms, .ended = 2ms, .with = too_fast(8ms)}, passes(10ms)},
         .account = "1 permits"},
        {.name = "a call waits for the next period where it may",
         .chain =
             [](auto&) { return keel::rate_limit(keel::fixed_window{.limit = 1, .period = 10ms, .max_wait = 10ms}); },
         .calls = {passes(0ms), {.at = 2ms, .tried = {10ms}, .ended = 10ms}},
         .account = "0 permits"},
        {.name = "a call takes as many permits as it costs",
         .chain =
             [](auto&) {
                 return keel::rate_limit({.rate = 1, .per = 10ms, .burst = 5}).costing([](const keel::context&) {
                     return 2;
                 });
             },
         .calls = {passes(0ms), passes(0ms), {.ended = 0ms, .with = too_fast(10ms)}, passes(10ms)},
         .account = "0 permits"},
        {.name = "inside a retry a rate limit counts attempts",
         .chain =
             [](auto&) {
                 return keel::retry<keel::constant>({.backoff = {.every = 1ms}}) |
                        keel::rate_limit({.rate = 1, .per = 10ms, .burst = 2});
             },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms, 2ms}, .ended = 4ms, .with = too_fast(6ms)}},
         .account = "0 permits"},
        {.name = "outside a retry a rate limit counts calls",
         .chain =
             [](auto&) {
                 return keel::rate_limit({.rate = 1, .per = 10ms, .burst = 2}) |
                        keel::retry<keel::constant>({.backoff = {.every = 1ms}});
             },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms, 2ms, 4ms}, .ended = 5ms, .with = failed()}},
         .account = "1 permits"},
        {.name = "a throttle leaves nothing out while one request in k is accepted",
         .chain = [](auto&) { return keel::throttle({.k = 2, .span = 1s}); },
         .calls = {passes(1ms), failing(2ms), passes(3ms), failing(4ms)},
         .account = "2 accepted, 2 not accepted"},
        {.name = "a throttle leaves out a share of the requests while few are accepted",
         .chain = [](auto&) { return keel::throttle({.k = 1, .span = 1s, .max_probability = 0.5}); },
         .seed = 1, // which draws 0.57, 0.75, 0.97, 0.44 and 0.44
         .calls = {failing(1ms),
                   failing(2ms),
                   failing(3ms),
                   failing(4ms),
                   {.at = 5ms, .ended = 5ms, .with = left_out},
                   {.at = 6ms, .ended = 6ms, .with = left_out}},
         .account = "6 not accepted, 500 in 1000 are left out"},
        {.name = "requests leave the window of a throttle, and those that are cancelled were never in it",
         .chain = [](auto&) { return keel::throttle({.k = 1, .span = 1s}); },
         .calls = {passes(1ms),
                   {.at = 2ms, .attempts = {is_cancelled()}, .tried = {2ms}, .ended = 2ms, .with = cancelled},
                   passes(1500ms),
                   failing(1501ms)},
         .account = "1 accepted, 1 not accepted, 333 in 1000 are left out"},
        {.name = "chaos puts a fault in place of a call",
         .chain = [](auto&) { return keel::retry<keel::constant> | keel::chaos({.rate = 1}).fault(); },
         .calls = {{.ended = 20ms, .with = rejected(errc::injected)}},
         .account = "3 injected"},
        {.name = "chaos picks the calls that its seed says",
         .chain = [](auto&) { return keel::chaos({.rate = 0.5, .seed = 7}).fault(); }, // 0.39, 0.02, 0.90, 0.58
         .calls = {{.with = rejected(errc::injected)},
                   {.at = 1ms, .ended = 1ms, .with = rejected(errc::injected)},
                   passes(2ms),
                   passes(3ms)},
         .account = "2 injected"},
        {.name = "chaos delays a call",
         .chain = [](auto&) { return keel::chaos({.rate = 1}).latency(5ms); },
         .calls = {{.attempts = {succeeds(1ms)}, .tried = {5ms}, .ended = 6ms}},
         .account = "1 injected"},
        {.name = "chaos delays a call to its deadline at most",
         .chain = [](auto&) { return keel::timeout(3ms) | keel::chaos({.rate = 1}).latency(5ms); },
         .calls = {{.ended = 3ms, .with = rejected(errc::timed_out)}},
         .account = "1 injected"},
        {.name = "chaos injects one thing after the other",
         .chain = [](auto&) { return keel::chaos({.rate = 1}).latency(5ms).latency(2ms).fault(); },
         .calls = {{.ended = 7ms, .with = rejected(errc::injected)}},
         .account = "1 injected"},
        {.name = "chaos answers a call",
         .chain = [](auto&) { return keel::chaos({.rate = 1}).result(answer{7}); },
         .calls = {{.ended = 0ms, .with = succeeded(7)}},
         .account = "1 injected"},
        {.name = "chaos throws what its behaviour throws",
         .chain = [](auto&) { return keel::chaos({.rate = 1}).behavior([] { throw 1; }); },
         .calls = {{.ended = 0ms, .with = threw}},
         .account = "1 injected"},
        {.name = "chaos picks none of the calls that it is not for",
         .chain =
             [](auto&) {
                 return keel::retry<keel::constant> |
                        keel::chaos({.rate = 1}).when([](const keel::context& c) { return c.attempt() == 0; }).fault();
             },
         .calls = {{.ended = 20ms, .with = rejected(errc::injected)}},
         .account = "3 injected"},
    };
}

} // namespace drivers
