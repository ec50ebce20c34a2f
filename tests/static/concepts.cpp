// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/views.hpp>
#include <keel/keel.hpp>

#include <chrono>
#include <expected>
#include <optional>
#include <ranges>
#include <stop_token>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

// What each concept takes, and beside it what lacks one thing.

using namespace keel;

namespace {
// policy
struct minimal {
    admission admit(call&, auto&) const { return proceed; }
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
};
struct without_settle {
    admission admit(call&, auto&) const { return proceed; }
};
struct without_admit {
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
};
struct admits_by_bool : minimal {
    bool admit(call&, auto&) const { return true; }
};
struct settles_by_nothing : minimal {
    void settle(call&, auto&, auto&) const {}
};
struct changes_itself {
    admission admit(call&, auto&) { return proceed; }
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
};
struct not_copyable : minimal {
    not_copyable(const not_copyable&) = delete;
};
struct stateful {
    template <class>
    struct state {
        explicit state(const stateful&) {}
    };
    admission admit(auto&, call&, auto&) const { return proceed; }
    verdict settle(auto&, call&, auto&, auto&) const { return verdict::keep(); }
};
struct stateful_whose_hooks_take_none : minimal {
    template <class>
    struct state {
        explicit state(const stateful_whose_hooks_take_none&) {}
    };
};
static_assert(policy<minimal> && policy<stateful>);
static_assert(!policy<without_settle> && !policy<without_admit> && !policy<admits_by_bool>);
static_assert(!policy<settles_by_nothing> && !policy<changes_itself> && !policy<not_copyable>);
static_assert(!policy<stateful_whose_hooks_take_none>);
static_assert(policy<timeout_policy> && policy<retry_policy<>> && policy<breaker_policy<consecutive_failures>>);
static_assert(policy<through_policy<circuit<>>> && policy<named_policy<"x", timeout_policy>>);
static_assert(!policy<int> && !policy<void> && !policy<timeout_config> && !policy<chain<timeout_policy>>);

// Which policies can ride the express lane: both hooks, and noexcept.
using detail::express_lane;
struct rides : minimal {
    bool fast_admit(call&) const noexcept { return true; }
    bool fast_settle(call&) const noexcept { return true; }
};
struct rides_half : minimal {
    bool fast_admit(call&) const noexcept { return true; }
};
struct might_throw : minimal {
    bool fast_admit(call&) const { return true; }
    bool fast_settle(call&) const noexcept { return true; }
};
template <class P>
constexpr express_lane lane = detail::lane_of<P, state_of<P, steady_clock>>;
static_assert(lane<bulkhead_policy<>> == express_lane::without_frame &&
              lane<through_bulkhead_policy<shared_bulkhead<>>> == express_lane::without_frame);
// It has taken a permit, which only `settle` or `abandon` gives back.
static_assert(!detail::can_let_pass<bulkhead_policy<>>);
static_assert(lane<rides> == express_lane::without_frame && lane<timeout_policy> == express_lane::with_frame);
static_assert(lane<retry_policy<>> == express_lane::without_frame &&
              lane<breaker_policy<>> == express_lane::with_frame);
static_assert(lane<minimal> == express_lane::none && lane<rides_half> == express_lane::none);
static_assert(lane<might_throw> == express_lane::none);

// backoff
struct own_backoff {
    nanos delay(std::uint64_t, nanos, random_source&) const noexcept { return {}; }
    config_error validate() const noexcept { return {}; }
};
struct backoff_that_may_throw : own_backoff {
    nanos delay(std::uint64_t, nanos, random_source&) const { return {}; }
};
struct backoff_of_chrono : own_backoff {
    std::chrono::nanoseconds delay(std::uint64_t, nanos, random_source&) const noexcept { return {}; }
};
struct backoff_without_validate {
    nanos delay(std::uint64_t, nanos, random_source&) const noexcept { return {}; }
};
static_assert(backoff<own_backoff> && !backoff<backoff_that_may_throw> && !backoff<backoff_of_chrono> &&
              !backoff<backoff_without_validate> && !backoff<int>);
static_assert(backoff<constant> && backoff<exponential> && backoff<exp_jitter> && backoff<equal_jitter> &&
              backoff<decorrelated_jitter> && backoff<linear> && backoff<fibonacci>);
static_assert(std::ranges::input_range<const exp_jitter> && !std::ranges::forward_range<const exp_jitter>);

// duration_range: can be read by several threads at once, so a range that only its owner may read is none.
using one_pass = std::ranges::filter_view<std::ranges::ref_view<std::vector<nanos>>, bool (*)(nanos)>;
static_assert(duration_range<std::vector<std::chrono::seconds>> && duration_range<std::vector<nanos>>);
static_assert(duration_range<decltype(views::delays(constant{}))>);
static_assert(!duration_range<std::vector<int>> && !duration_range<one_pass> && !duration_range<std::chrono::seconds>);

// monotonic_clock
struct own_clock {
    time_point now() const noexcept { return {}; }
    void sleep_until(time_point) const {}
};
struct clock_that_may_throw : own_clock {
    time_point now() const { return {}; }
};
struct clock_of_the_wall : own_clock {
    std::chrono::system_clock::time_point now() const noexcept { return {}; }
};
struct clock_that_changes : own_clock {
    time_point now() noexcept { return {}; }
};
struct clock_without_sleep {
    time_point now() const noexcept { return {}; }
};
static_assert(monotonic_clock<own_clock> && monotonic_clock<steady_clock> && monotonic_clock<coarse_clock> &&
              monotonic_clock<cached_clock> && monotonic_clock<tsc_clock> && monotonic_clock<manual_clock>);
static_assert(!monotonic_clock<clock_that_may_throw> && !monotonic_clock<clock_of_the_wall> &&
              !monotonic_clock<clock_that_changes> && !monotonic_clock<clock_without_sleep> &&
              !monotonic_clock<std::chrono::steady_clock> && !monotonic_clock<int>);

// expected_like and reports_errors
struct look_alike {
    using value_type = int;
    using error_type = int;
    bool has_value() const;
    int error() const;
};
struct without_error_type {
    using value_type = int;
    bool has_value() const;
    int error() const;
};
static_assert(expected_like<std::expected<int, int>> && expected_like<std::expected<void, std::string>>);
static_assert(expected_like<look_alike> && !expected_like<without_error_type>);
static_assert(!expected_like<int> && !expected_like<std::optional<int>> && !expected_like<std::variant<int, int>>);
static_assert(reports_errors<std::expected<int, int>> && reports_errors<std::error_code>);
static_assert(!reports_errors<int> && !reports_errors<void> && !reports_errors<std::errc> && !reports_errors<bool>);

// stoppable
struct asks {
    bool stop_requested() const noexcept;
};
struct asks_and_may_throw {
    bool stop_requested() const;
};
static_assert(stoppable<std::stop_token> && stoppable<asks>);
static_assert(!stoppable<asks_and_may_throw> && !stoppable<std::stop_callback<void (*)()>> && !stoppable<int>);
static_assert(std::constructible_from<context, const asks&> && !std::constructible_from<context, asks>);

// executable
constexpr auto card = timeout | retry<> | breaker<>;
static_assert(executable<pipeline<chain<timeout_policy>>> && executable<pipeline<chain<timeout_policy>>&>);
static_assert(executable<static_pipeline<card>> && executable<static_pipeline<card, cached_clock>>);
static_assert(executable<static_pipeline<card, manual_clock>> && executable<static_pipeline<timeout>>);
static_assert(!executable<decltype(card)> && !executable<timeout_policy> && !executable<int> &&
              !executable<void (*)()>);

// std::uniform_random_bit_generator
static_assert(std::uniform_random_bit_generator<random_source> && !std::uniform_random_bit_generator<exp_jitter>);
} // namespace

int main() {}
