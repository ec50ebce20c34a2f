// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/exp_jitter.hpp>
#include <keel/backoff/exponential.hpp>
#include <keel/backoff/schedule.hpp>
#include <keel/backoff/views.hpp>

#include <doctest/doctest.h>

#include <range/v3/range/conversion.hpp>
#include <range/v3/view/concat.hpp>
#include <range/v3/view/take.hpp>

#include <chrono>
#include <vector>

using namespace std::chrono_literals;
using keel::views::delays;

namespace {
using list = std::vector<std::chrono::nanoseconds>;
} // namespace

TEST_CASE("the view of a backoff is its delays, as long as one takes them") {
    CHECK((delays(keel::exponential{}) | ranges::views::take(3) | ranges::to<std::vector>()) == list{10ms, 20ms, 40ms});
}

TEST_CASE("the view of a backoff can be read again from any place") {
    const auto view = delays(keel::exponential{});
    auto it = view.begin();
    const auto start = it;
    ++it, ++it;
    CHECK(*it == 40ms);
    CHECK(*start == 10ms);
    CHECK(*view.begin() == 10ms);
}

TEST_CASE("the view of a jitter draws anew with each reading") {
    keel::thread_random().seed(1);
    const auto view = delays(keel::exp_jitter{.base = 1s}) | ranges::views::take(5);
    CHECK((view | ranges::to<std::vector>()) != (view | ranges::to<std::vector>()));
}

TEST_CASE("schedules are composed of views") {
    const auto quick = delays(keel::exponential{.base = 1ms}) | ranges::views::take(2);
    const auto slow = delays(keel::exponential{.base = 1s, .cap = 1min}) | ranges::views::take(2);
    const auto both = ranges::views::concat(quick, slow);
    static_assert(keel::duration_range<decltype(both)>);
    CHECK((both | ranges::to<std::vector>()) == list{1ms, 2ms, 1s, 2s});
}
