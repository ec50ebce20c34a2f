// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <atomic>
#include <string>
#include <type_traits>
#include <vector>

// Policies and chains are values that can be template arguments, as long as all that they hold is.

using namespace keel;
using namespace std::chrono_literals;

namespace {
template <auto>
struct constant {};
template <class T>
concept structural = requires { typename constant<T{}>; };

static_assert(structural<nanos> && !structural<std::chrono::nanoseconds>);
static_assert(structural<timeout_policy>);
static_assert(structural<retry_policy<>> && structural<retry_policy<fibonacci>>);
static_assert(structural<retry_budget_config>);
template <auto Policy>
inline constexpr bool is_argument = true;
constinit retry_budget shared_budget;
static_assert(is_argument<retry<>.budgeted()> && is_argument<retry<>({.budget = &shared_budget})>);
static_assert(structural<breaker_policy<sliding_window>> && structural<breaker_policy<sliding_time_window>> &&
              structural<breaker_policy<consecutive_failures>>);
static_assert(structural<rate_limit_policy<>> && structural<rate_limit_policy<fixed_window>>);
static_assert(structural<limit_policy<gradient>> && structural<limit_policy<aimd>>);
static_assert(structural<throttle_policy<>> && structural<throttle_options>);
static_assert(structural<bulkhead_policy<>> && structural<bulkhead_options>);
static_assert(structural<chain<timeout_policy, retry_policy<>, breaker_policy<>>>);

// What can't be a template argument makes its policy, and its chain, such.
struct not_structural {
    admission admit(call&, auto&) const { return proceed; }
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
    int shown() const { return hidden; }

  private:
    int hidden = 0;
};
static_assert(policy<not_structural> && !structural<not_structural>);
static_assert(!structural<chain<timeout_policy, not_structural>>);
static_assert(!structural<retry_policy<schedule<std::vector<nanos>>>>);

// The card of this project, literally, and configured.
constexpr auto card = timeout | retry<exp_jitter> | breaker<sliding_window>;
constexpr auto configured = timeout(50ms) | retry<exp_jitter>({.attempts = 5, .backoff = {.base = 5ms}}) |
                            breaker<sliding_window>({.window = {.calls = 50}, .failure_rate = 0.25});
static_assert(std::is_empty_v<constant<card>>);
static_assert(std::is_same_v<constant<card>, constant<timeout | retry<exp_jitter> | breaker<sliding_window>>>);
static_assert(!std::is_same_v<constant<card>, constant<configured>>);
static_assert(std::is_same_v<static_pipeline<timeout(1s) | retry<>>, static_pipeline<timeout(1000ms) | retry<>>>);
static_assert(!std::is_same_v<static_pipeline<timeout(1s) | retry<>>, static_pipeline<timeout(2s) | retry<>>>);

static_assert(std::is_empty_v<constant<timeout | retry<> | bulkhead({.permits = 3, .max_wait = 50ms})>>);

// Selectors without captures, schedules that are arrays, and names.
constexpr auto is_zero = [](int v) { return v == 0; };
static_assert(std::is_empty_v<constant<retry<>.failing_if(is_zero).ignoring<std::string>() | breaker<>>>);
constexpr auto three = [](const context&) { return 3; };
static_assert(std::is_empty_v<constant<rate_limit({.rate = 7}).costing(three) | breaker<>>>);
static_assert(std::is_empty_v<constant<retry_on(schedule{1ms, 2ms, 3ms}) | timeout>>);
static_assert(std::is_empty_v<constant<named<"x">(timeout) | breaker<>>>);

// Answers that are structural, or functions without captures.
static_assert(std::is_empty_v<constant<fallback(0) | timeout>>);
static_assert(std::is_empty_v<constant<fallback([](const auto& why) { return why.is_rejection(); }) | timeout>>);
static_assert(std::is_empty_v<constant<fallback(0).failing_if(is_zero).ignoring<std::string>() | breaker<>>>);
static_assert(!std::is_same_v<constant<fallback(0)>, constant<fallback(1)>>);

// Chaos with a switch that lives as long as the program, and with functions without captures.
constinit std::atomic<bool> drill{false};
static_assert(std::is_empty_v<constant<timeout | chaos({.rate = 0.1, .enabled = &drill}).latency(50ms).fault()>>);
static_assert(std::is_empty_v<constant<chaos({.rate = 0.1}).behavior([] {}).result(0).when([] { return true; })>>);
static_assert(!std::is_same_v<constant<chaos.fault()>, constant<chaos({.rate = 0.1}).fault()>>);
static_assert(policy<chaos_policy<>> && structural<chaos_config>);

// A configuration's parts are values of their own.
static_assert(structural<open_period_growth> && structural<exp_jitter> && structural<sliding_window_options>);

// A pipeline is none: it has a state.
static_assert(!structural<static_pipeline<card>>);
static_assert(!std::is_copy_constructible_v<static_pipeline<card>> &&
              !std::is_move_constructible_v<static_pipeline<card>>);
static_assert(!std::is_copy_assignable_v<static_pipeline<card>> && !std::is_move_assignable_v<static_pipeline<card>>);
using at_run_time = pipeline<chain<timeout_policy>>;
static_assert(!std::is_copy_constructible_v<at_run_time> && !std::is_move_constructible_v<at_run_time>);
static_assert(!std::is_copy_assignable_v<at_run_time> && !std::is_move_assignable_v<at_run_time>);
static_assert(std::is_copy_constructible_v<decltype(card)> && std::is_copy_assignable_v<timeout_policy>);

// And part of other classes, aggregates too.
struct gateway {
    pipeline<chain<timeout_policy>> guard{timeout(1s)};
    static_pipeline<card> other{};
};
static_assert(std::is_aggregate_v<gateway> && !std::is_move_constructible_v<gateway>);
} // namespace

// Circuits in static storage do not depend on the order in which such objects are initialized.
[[maybe_unused]] constinit keel::circuit<keel::sliding_window> of_static_life{{.open_for = std::chrono::seconds(10)}};

[[maybe_unused]] constinit keel::shared_bulkhead<> permits_of_static_life{{.permits = 10}};

int main() {}
