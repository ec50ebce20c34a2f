// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>

// What an object of each kind costs in memory, by the lines of the cache that it fills.

using namespace keel;

namespace {
constexpr std::size_t lines(std::size_t bytes) { return (bytes + cache_line - 1) / cache_line; }
template <class T>
constexpr std::size_t lines_of = lines(sizeof(T));

// A sharded count: one line for each shard and one for all other threads.
static_assert(lines_of<sharded_count<16>> == 17 && alignof(sharded_count<16>) == cache_line);
static_assert(lines_of<sharded_count<1>> == 2);

// What changes with a result in a circuit that is not healthy is a few words; they and the configuration share lines.
template <class Window>
constexpr std::size_t recovery = lines(8 * sizeof(std::uint64_t) + sizeof(breaker_config<Window>));

// A count window: its calls by shards, and a position for each failure that could count and one more.
static_assert(lines_of<circuit<sliding_window>> <= 17 + lines((257 + 2) * 8) + recovery<sliding_window>);
using small = basic_sliding_window<{.shards = 2, .failures = 6}>;
static_assert(lines_of<circuit<small>> <= 3 + lines((7 + 2) * 8) + recovery<small>);
static_assert(sizeof(circuit<small>) < sizeof(circuit<sliding_window>));

// A time window: for each shard its buckets and which of them runs; and the buckets of the failures.
static_assert(lines_of<circuit<sliding_time_window>> <=
              17 * lines((16 + 2) * 8) + lines((16 + 2) * 8) + recovery<sliding_time_window>);
using few = basic_sliding_time_window<{.shards = 1, .buckets = 4}>;
static_assert(lines_of<circuit<few>> <= 2 + lines((4 + 2) * 8) + recovery<few>);
static_assert(sizeof(circuit<few>) < sizeof(circuit<sliding_time_window>));

// Failures in a row: one word. The whole circuit, with its configuration, is in two lines.
static_assert(lines_of<circuit<consecutive_failures>> <= 2 && lines_of<circuit<sliding_window>> > 2);

// What is handed about on every call travels in registers.
static_assert(sizeof(circuit_permit) == 8 && std::is_trivially_copyable_v<circuit_permit>);
static_assert(sizeof(detail::junction) == 8 && std::is_trivially_copyable_v<detail::junction>);
static_assert(sizeof(nanos) == 8 && sizeof(clock_ref) == 2 * sizeof(void*));
static_assert(sizeof(admission) == 1 && sizeof(verdict) == 16);

// A static pipeline holds no configuration, and a pipeline nothing beside its chain: a policy without a state, and a
// clock without one, cost a byte at most, for two objects of one type can't share an address.
using stateless = chain<timeout_policy, retry_policy<>>;
static_assert(sizeof(static_pipeline < timeout | retry < >>) <= 3);
static_assert(sizeof(pipeline<stateless>) <= sizeof(stateless) + 8);
static_assert(sizeof(pipeline<stateless, manual_clock>) > sizeof(pipeline<stateless>));
static_assert(sizeof(static_pipeline < timeout | breaker < >>) <= sizeof(circuit<sliding_window>) + cache_line);
static_assert(sizeof(static_pipeline < breaker<> | breaker < >>) >= 2 * sizeof(circuit<sliding_window>));

// An error that is widened by rejections without content is no larger than the variant must be.
static_assert(sizeof(error_of<int, errc::timed_out, errc::circuit_open>) == sizeof(std::variant<int, int>));
} // namespace

int main() {}
