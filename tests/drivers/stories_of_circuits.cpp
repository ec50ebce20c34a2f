// SPDX-License-Identifier: BSL-1.0
#include "play.hpp"
#include "stories.hpp"

#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/named.hpp>
#include <keel/rate_limit.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <system_error>

using keel::errc;

namespace drivers {
namespace {

using in_a_row = keel::breaker_config<keel::consecutive_failures>;
using by_rate = keel::breaker_config<keel::sliding_window>;
using by_time = keel::breaker_config<keel::sliding_time_window>;

constexpr auto after_one = keel::breaker<keel::consecutive_failures>(
    in_a_row{.window = {.failures = 1}, .open_for = 10ms, .half_open_calls = 1});
constexpr auto after_two = keel::breaker<keel::consecutive_failures>(
    in_a_row{.window = {.failures = 2}, .open_for = 10ms, .half_open_calls = 1});
constexpr auto half_of_four = keel::breaker<keel::sliding_window>(
    by_rate{.window = {.calls = 4}, .failure_rate = 0.5, .minimum_calls = 3, .open_for = 10ms});

} // namespace

std::vector<story> stories_of_circuits() {
    return {
        {.name =
             "a circuit opens after so many failures in a row, and the first success after its open period closes it",
         .chain = [](auto&) { return after_two; },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()},
                   {.attempts = {succeeds(1ms)}, .tried = {1ms}, .ended = 2ms},
                   {.attempts = {fails(1ms)}, .tried = {2ms}, .ended = 3ms, .with = failed()},
                   {.attempts = {throws(1ms)}, .tried = {3ms}, .ended = 4ms, .with = threw},
                   {.at = 5ms, .ended = 5ms, .with = rejected(errc::circuit_open, 9ms)},
                   {.at = 14ms, .attempts = {succeeds(1ms)}, .tried = {14ms}, .ended = 15ms}},
         .account = "open@4ms half_open@14ms closed@15ms, 3 failed, 1 rejected"},
        {.name = "nothing is decided before the minimum of calls, which a success may reach",
         .chain = [](auto&) { return half_of_four; },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()},
                   {.attempts = {fails(1ms)}, .tried = {1ms}, .ended = 2ms, .with = failed()},
                   {.attempts = {succeeds(1ms)}, .tried = {2ms}, .ended = 3ms},
                   {.at = 4ms, .ended = 4ms, .with = rejected(errc::circuit_open, 9ms)}},
         .account = "open@3ms, 1 succeeded, 2 failed, 1 rejected"},
        {.name = "only the last calls count",
         .chain = [](auto&) { return half_of_four; },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()},
                   {.attempts = {succeeds(1ms)}, .tried = {1ms}, .ended = 2ms},
                   {.attempts = {succeeds(1ms)}, .tried = {2ms}, .ended = 3ms},
                   {.attempts = {succeeds(1ms)}, .tried = {3ms}, .ended = 4ms},
                   {.attempts = {fails(1ms)}, .tried = {4ms}, .ended = 5ms, .with = failed()},
                   {.attempts = {succeeds(1ms)}, .tried = {5ms}, .ended = 6ms},
                   {.attempts = {fails(1ms)}, .tried = {6ms}, .ended = 7ms, .with = failed()}},
         .account = "open@7ms, 4 succeeded, 3 failed"},
        {.name = "failures that are older than the window do not count",
         .chain =
             [](auto&) {
                 return keel::breaker<keel::sliding_time_window>(
                     by_time{.window = {.span = 100ms}, .minimum_calls = 2, .open_for = 10ms});
             },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()},
                   {.at = 150ms, .attempts = {fails(1ms)}, .tried = {150ms}, .ended = 151ms, .with = failed()},
                   {.at = 160ms, .attempts = {fails(1ms)}, .tried = {160ms}, .ended = 161ms, .with = failed()}},
         .account = "open@161ms, 3 failed"},
        {.name = "slow calls open a circuit as failures do",
         .chain =
             [](auto&) {
                 return keel::breaker<keel::consecutive_failures>(
                     in_a_row{.window = {.failures = 2}, .slow_call = {.longer_than = 5ms}, .open_for = 10ms});
             },
         .calls = {{.attempts = {succeeds(5ms)}, .tried = {0ms}, .ended = 5ms},
                   {.attempts = {succeeds(6ms)}, .tried = {5ms}, .ended = 11ms},
                   {.attempts = {succeeds(6ms)}, .tried = {11ms}, .ended = 17ms},
                   {.at = 20ms, .ended = 20ms, .with = rejected(errc::circuit_open, 7ms)}},
         .account = "open@17ms, 2 slow, 1 rejected"},
        {.name = "a share of slow calls opens a circuit",
         .chain =
             [](auto&) {
                 return keel::breaker<keel::sliding_window>(by_rate{.window = {.calls = 4},
                                                                    .minimum_calls = 3,
                                                                    .slow_call = {.longer_than = 5ms, .rate = 0.6},
                                                                    .open_for = 10ms});
             },
         .calls = {{.attempts = {succeeds(6ms)}, .tried = {0ms}, .ended = 6ms},
                   {.attempts = {succeeds(1ms)}, .tried = {6ms}, .ended = 7ms},
                   {.attempts = {fails(6ms)}, .tried = {7ms}, .ended = 13ms, .with = failed()}},
         .account = "open@13ms, 2 succeeded, 1 failed, 2 slow"},
        {.name = "calls that never end open a circuit once they are overdue",
         .chain =
             [](auto&) {
                 using watching = keel::basic_consecutive_failures<{.count_overdue = true}>;
                 return keel::breaker<watching>(keel::breaker_config<watching>{
                     .window = {.failures = 1}, .slow_call = {.longer_than = 4ms}, .open_for = 10ms});
             },
         .calls = {{.at = 4ms, .tried = {4ms}, .ended = 4ms},
                   {.at = 6ms, .ended = 6ms, .with = rejected(errc::circuit_open, 10ms)}},
         .guests = {{.from = 13us, .to = 30013us}},
         .account = "open@6ms, 1 late, 1 rejected",
         .let_in = "i"},
        {.name = "what is cancelled says nothing about the callee",
         .chain = [](auto&) { return after_one; },
         .calls = {{.attempts = {is_cancelled(1ms)}, .tried = {0ms}, .ended = 1ms, .with = cancelled}},
         .account = "closed, 1 ignored"},
        {.name = "errors that do not count do not open a circuit",
         .chain = for_errors(
             [](auto&) { return after_one.ignoring_if([](std::error_code e) { return e == std::errc::timed_out; }); }),
         .calls = {{.attempts = {fails(1ms, std::errc::timed_out)},
                    .tried = {0ms},
                    .ended = 1ms,
                    .with = failed(std::errc::timed_out)},
                   {.attempts = {fails(1ms)}, .tried = {1ms}, .ended = 2ms, .with = failed()}},
         .account = "open@2ms, 1 failed, 1 ignored"},
        {.name = "values that are selected open a circuit",
         .chain = for_exceptions([](auto&) { return after_one.failing_if([](int v) { return v < 0; }); }),
         .calls = {{.attempts = {{.ends = succeeded(1)}}, .tried = {0ms}, .with = succeeded(1)},
                   {.attempts = {{.ends = succeeded(-1)}}, .tried = {0ms}, .with = succeeded(-1)}},
         .account = "open@0ms, 1 failed"},
        {.name = "a timeout further in is a failure",
         .chain = [](auto&) { return after_one | keel::timeout(5ms); },
         .calls = {{.attempts = {succeeds(6ms)}, .tried = {0ms}, .ended = 6ms, .with = rejected(errc::timed_out)}},
         .account = "open@6ms, 1 failed"},
        {.name = "a timeout further out is none for the circuit",
         .chain = [](auto&) { return keel::timeout(5ms) | half_of_four; },
         .calls = {{.attempts = {succeeds(6ms)}, .tried = {0ms}, .ended = 6ms, .with = rejected(errc::timed_out)}},
         .account = "closed, 1 succeeded"},
        {.name = "a refusal further in says nothing about the callee",
         .chain = [](auto&) { return after_one | keel::rate_limit({.rate = 1, .per = 100ms, .burst = 1}); },
         .calls = {{.tried = {0ms}}, {.at = 1ms, .ended = 1ms, .with = rejected(errc::rate_limited, 99ms)}},
         .account = "closed, 1 ignored; 0 permits"},
        {.name = "outside a retry a circuit counts calls",
         .chain = [](auto&) { return half_of_four | keel::retry<keel::constant>; },
         .calls = {{.attempts = {fails(1ms), succeeds(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms}},
         .account = "closed, 1 succeeded"},
        {.name = "inside a retry a circuit counts attempts",
         .chain = [](auto&) { return keel::retry<keel::constant> | half_of_four; },
         .calls = {{.attempts = {fails(1ms), succeeds(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms}},
         .account = "closed, 1 succeeded, 1 failed"},
        {.name = "two circuits of a chain count each on its own",
         .chain = [](auto&) { return after_two | keel::named<"inner">(after_one); },
         .calls = {{.attempts = {fails(1ms)}, .tried = {0ms}, .ended = 1ms, .with = failed()},
                   {.at = 2ms, .ended = 2ms, .with = rejected(errc::circuit_open, 9ms)}},
         .account = "closed, 1 failed, 1 ignored; open@1ms, 1 failed, 1 rejected"},
        {.name = "a timeout, a retry and a circuit, in this order",
         .chain =
             [](auto&) {
                 return keel::timeout(40ms) | keel::retry<keel::constant> |
                        keel::breaker<keel::consecutive_failures>(
                            in_a_row{.window = {.failures = 2}, .open_for = 50ms, .half_open_calls = 1});
             },
         .calls = {{.attempts = {fails(1ms), succeeds(1ms)}, .tried = {0ms, 11ms}, .ended = 12ms, .due = {40ms, 40ms}},
                   {.at = 20ms,
                    .attempts = {fails(1ms)},
                    .tried = {20ms, 31ms},
                    .ended = 42ms,
                    .with = rejected(errc::circuit_open, 40ms)},
                   {.at = 43ms, .ended = 43ms, .with = rejected(errc::circuit_open, 39ms)},
                   {.at = 82ms, .attempts = {succeeds(1ms)}, .tried = {82ms}, .ended = 83ms, .due = {122ms}}},
         .account = "open@32ms half_open@82ms closed@83ms, 3 failed, 2 rejected"},
    };
}

} // namespace drivers
