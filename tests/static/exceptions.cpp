// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <system_error>
#include <type_traits>
#include <utility>

// What promises not to throw, and what does not.

using namespace keel;

namespace {
template <class P>
concept attempts_quietly = requires(P& p, const context& c, int (*f)(), int (*g)(const context&)) {
    { p.attempt(f) } noexcept;
    { p.attempt(g) } noexcept;
    { p.attempt(c, f) } noexcept;
};
template <class P>
concept calls_quietly = requires(P& p, int (*f)()) {
    { p(f) } noexcept;
};
using card = static_pipeline<timeout | retry<> | breaker<>>;
static_assert(attempts_quietly<card> && !calls_quietly<card>);
static_assert(attempts_quietly<static_pipeline<timeout, manual_clock>> &&
              !calls_quietly<static_pipeline<timeout, manual_clock>>);

// The healthy path's parts.
static_assert(noexcept(std::declval<circuit<>&>().try_admit(std::declval<circuit_permit&>(),
                                                            std::declval<const call&>(),
                                                            std::declval<const breaker_config<sliding_window>&>())));
static_assert(noexcept(std::declval<const circuit<>&>().state()) &&
              !noexcept(circuit<>(breaker_config<sliding_window>{})));
static_assert(noexcept(steady_clock::now()) && noexcept(cached_clock::now()) && noexcept(cached_clock::update()));
static_assert(noexcept(std::declval<const clock_ref&>().now()));
static_assert(!noexcept(std::declval<const clock_ref&>().sleep_until({})));
static_assert(noexcept(thread_random()) && noexcept(thread_slots::claim()));
static_assert(noexcept(std::declval<const exp_jitter&>().delay(1, {}, std::declval<random_source&>())));

// A failure can be moved without throwing, so an expected of it can too.
static_assert(std::is_nothrow_move_constructible_v<failure> &&
              std::is_nothrow_move_constructible_v<basic_failure<int>>);
struct moves_loudly {
    moves_loudly(moves_loudly&&);
};
static_assert(!std::is_nothrow_move_constructible_v<basic_failure<moves_loudly>>);
static_assert(std::is_error_code_enum_v<errc> && !std::is_error_code_enum_v<circuit_state>);
static_assert(noexcept(make_error_code(errc::timed_out)) && noexcept(category()));
} // namespace

int main() {}
