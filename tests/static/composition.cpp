// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <string>
#include <type_traits>

// What `|` takes and makes, and what chains need.

using namespace keel;
using namespace std::chrono_literals;

namespace {
template <class A, class B>
concept pipes = requires(A a, B b) { a | b; };

struct own {
    admission admit(call&, auto&) const { return proceed; }
    verdict settle(call&, auto&, auto&) const { return verdict::keep(); }
};
struct half {
    admission admit(call&, auto&) const { return proceed; }
};
using two = chain<timeout_policy, retry_policy<>>;

static_assert(pipes<timeout_policy, retry_policy<>> && pipes<two, breaker_policy<>> && pipes<timeout_policy, two> &&
              pipes<two, two> && pipes<own, two> && pipes<timeout_policy, own>);
static_assert(pipes<timeout_policy&, const two&> && pipes<const timeout_policy, two>);
static_assert(!pipes<timeout_policy, int> && !pipes<int, timeout_policy>);
static_assert(!pipes<timeout_policy, half> && !pipes<half, two>);
static_assert(!pipes<two, std::string> && !pipes<const char*, two>);
static_assert(!pipes<two, void (*)()> && !pipes<timeout_policy, timeout_config>);
static_assert(!pipes<static_pipeline<timeout>&, two> && !pipes<two, static_pipeline<timeout>&>);
static_assert(!pipes<circuit<>&, two>);

// Any grouping gives the same flat type.
constexpr auto left = (timeout | retry<>) | breaker<>;
constexpr auto right = timeout | (retry<> | breaker<>);
static_assert(std::is_same_v<decltype(left), decltype(right)>);
static_assert(
    std::is_same_v<std::remove_const_t<decltype(left)>, chain<timeout_policy, retry_policy<>, breaker_policy<>>>);
static_assert(!std::is_same_v<decltype(timeout | retry<>), decltype(retry<> | timeout)>);
static_assert(left.size == 3 && (timeout | timeout).size == 2);
static_assert((timeout(2s) | retry<>).get<0>().config.after == nanos(2s));
static_assert((retry<> | timeout(2s)).get<1>().config.after == nanos(2s));

// needs
constexpr auto keeping = timeout({.late_success = late_success::keep});
constexpr bool is(needs n, bool entry, bool settle) { return n.entry_time == entry && n.settle_time == settle; }
static_assert(is((retry<> | breaker<>).needs(), false, false));
static_assert(is((retry<> | breaker<sliding_time_window>).needs(), false, true));
static_assert(is((timeout | retry<>).needs(), true, true));
static_assert(is((keeping | retry<>).needs(), true, false));
static_assert(is((keeping | breaker<sliding_time_window>).needs(), true, true));
static_assert(is((own{} | retry<>).needs(), false, false));
static_assert(!is((timeout | retry<>).needs(), false, false));

static_assert(!left.validate());

// A pipeline takes a chain or a policy, and any clock.
static_assert(std::constructible_from<pipeline<two>, two> && !std::constructible_from<pipeline<two>, breaker_policy<>>);
static_assert(std::constructible_from<pipeline<two, manual_clock>, two, manual_clock>);
static_assert(!std::constructible_from<pipeline<two>, two, manual_clock>);
static_assert(std::constructible_from<pipeline<chain<timeout_policy>>, timeout_policy>);

// What a temporary would leave dangling is refused.
template <class T>
concept can_wrap = requires(T&& p) { static_cast<T&&>(p).wrap([] {}); };
static_assert(can_wrap<static_pipeline<left>&> && !can_wrap<static_pipeline<left>>);
template <class T>
concept can_go_through = requires(T&& c) { through(static_cast<T&&>(c)); };
static_assert(can_go_through<circuit<>&> && !can_go_through<circuit<>>);
} // namespace

int main() {}
