// SPDX-License-Identifier: BSL-1.0
#include <keel/coalesce.hpp>
#include <keel/keel.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

// What an object of each kind costs in memory: bytes, on a 64-bit machine.

using namespace keel;

namespace {
// A sharded count: one line for each shard and one for all other threads.
static_assert(sizeof(sharded_count<16>) == 17 * cache_line && alignof(sharded_count<16>) == cache_line);
static_assert(sizeof(sharded_count<1>) == 2 * cache_line);

// As docs/policies/breaker.md says: calls and rejections by shards, the places of failures and slow calls, the state
// with its configuration and totals, and the log.
static_assert(sizeof(circuit<sliding_window>) == 6976);
static_assert(sizeof(circuit<basic_sliding_window<{.shards = 1}>>) == 5056);
static_assert(sizeof(circuit<basic_sliding_window<{.shards = 1, .failures = 16}>>) == 1216);
static_assert(sizeof(circuit<sliding_time_window>) == 5504);
static_assert(sizeof(circuit<basic_sliding_time_window<{.shards = 1}>>) == 1664);
static_assert(sizeof(circuit<basic_sliding_time_window<{.shards = 1, .buckets = 4}>>) == 1088);
static_assert(sizeof(circuit<consecutive_failures>) == 832);

// A rate limit's permits are one word, which every call writes: it has its line to itself.
static_assert(sizeof(gcra::permits<std_atomics>) == cache_line &&
              sizeof(fixed_window::permits<std_atomics>) == cache_line);
static_assert(sizeof(static_pipeline<rate_limit>) <= 2 * cache_line);
static_assert(std_atomics::atomic<std::int64_t>::is_always_lock_free);
// As docs/policies/limit.md says.
static_assert(sizeof(static_pipeline<limit<gradient>>) == 1280 && sizeof(static_pipeline<limit<aimd>>) == 1216);

// As docs/policies/throttle.md says.
static_assert(sizeof(static_pipeline<throttle>) == 7680);
static_assert(sizeof(static_pipeline<basic_throttle<{.shards = 1}>>) == 1920);
static_assert(sizeof(static_pipeline<basic_throttle<{.shards = 1, .buckets = 4}>>) == 640);
// A bulkhead: the word, a line of 256, and how many permits there are.
static_assert(sizeof(fair_permits<256>) == 64 + 4 * 256);
static_assert(sizeof(static_pipeline<bulkhead>) == 64 + 4 * 256 + 64);

// Chaos: how often it has drawn by its seed, and how often it has injected something.
static_assert(sizeof(static_pipeline<chaos.fault()>) == 16);

// As docs/policies/retry.md says: a line for each shard, one for the threads that have none, and one for the tokens.
static_assert(sizeof(retry_budget) == 18 * cache_line && alignof(retry_budget) == cache_line);
static_assert(sizeof(static_pipeline<retry<>.budgeted()>) <= 19 * cache_line);
// Whose budget is elsewhere keeps nothing.
constinit retry_budget elsewhere;
static_assert(sizeof(static_pipeline<retry<>({.budget = &elsewhere})>) == 1);

// As docs/policies/coalesce.md says: 16 locks, each with a line of its own.
static_assert(sizeof(coalesce<int, int>) == 16 * cache_line);

// A context, which a function gets a reference to, is 48 bytes on the stack of its caller.
static_assert(sizeof(context) == 48);

// What is handed about on every call travels in registers.
static_assert(sizeof(circuit_permit) == 16 && std::is_trivially_copyable_v<circuit_permit>);
static_assert(sizeof(detail::junction) == 8 && std::is_trivially_copyable_v<detail::junction>);
static_assert(sizeof(nanos) == 8 && sizeof(clock_ref) == 2 * sizeof(void*));
static_assert(sizeof(admission) == 16 && sizeof(verdict) == 16);

// As docs/drivers.md says: a ticket is 128 bytes and its policies' frames, of which those of the express lane twice.
template <auto Chain>
using ticket_of = decltype(std::declval<static_pipeline<Chain>&>().begin());
static_assert(sizeof(ticket_of<timeout>) == 128 + 2 * sizeof(timeout_policy::frame));
static_assert(sizeof(ticket_of < timeout | retry<exp_jitter> | breaker<sliding_window> >) == 216);
static_assert(sizeof(ticket_of < timeout | rate_limit | retry<exp_jitter> | bulkhead | breaker<sliding_window> >) ==
              280);
// Off the express lane it is plain bytes, which costs a ticket no more than a copy where it is moved.
static_assert(
    std::is_trivially_copyable_v<detail::paused_walk<
        detail::lanes<detail::constant_chain<timeout | retry<exp_jitter> | breaker<sliding_window>>, steady_clock>>>);

// A static pipeline holds no configuration, and a pipeline nothing beside its chain and two figures that it is asked
// for on every call: a policy without a state, and a clock without one, cost a byte at most, for two objects of one
// type can't share an address.
using stateless = chain<timeout_policy, retry_policy<>>;
static_assert(sizeof(static_pipeline < timeout | retry < >>) <= 3);
static_assert(sizeof(static_pipeline < fallback(0) | timeout >) <= 3);
static_assert(sizeof(pipeline<stateless>) <= sizeof(stateless) + 8);
static_assert(sizeof(pipeline<stateless, manual_clock>) > sizeof(pipeline<stateless>));
static_assert(sizeof(static_pipeline < timeout | breaker < >>) <= sizeof(circuit<sliding_window>) + cache_line);
static_assert(sizeof(static_pipeline < breaker<> | breaker < >>) >= 2 * sizeof(circuit<sliding_window>));

// An error that is widened by rejections is no larger than the variant must be: they say when to come again.
static_assert(sizeof(error_of<int, errc::timed_out, errc::circuit_open>) == sizeof(std::variant<int, nanos>));
} // namespace

int main() {}
