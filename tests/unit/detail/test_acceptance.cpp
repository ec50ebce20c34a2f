// SPDX-License-Identifier: BSL-1.0
#include "support/overtaken_atomics.hpp"

#include <keel/call.hpp>
#include <keel/detail/acceptance.hpp>
#include <keel/throttle.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("of failures that are evaluated at once, the last to be evaluated is what stays") {
    using atomics = support::overtaken_atomics<support::exchanges::weak>;
    constexpr keel::throttle_config config{};
    constexpr keel::time_point now(100s);
    keel::detail::acceptance<keel::throttle_config, 2, 20, atomics> it;
    keel::call c;
    c.turn_at(now);
    const auto ask = [&](int times) {
        for (int i = 0; i < times; ++i)
            static_cast<void>(it.request(config, c));
    };
    ask(10);
    double other = 0;
    support::meanwhile = [&] {
        ask(10);
        other = it.evaluate(config, now);
    };
    const double last = it.evaluate(config, now);
    CHECK(!support::meanwhile);
    CHECK(last > 0);
    CHECK(last == other); // of twenty requests, both
    CHECK(it.probability() == last);
}

TEST_CASE("a request that read the clock before a bucket's edge, and comes by after it, forgets no failure") {
    constexpr keel::throttle_config config{};
    keel::detail::acceptance<keel::throttle_config, 2, 20> it;
    const auto asked_at = [&](keel::time_point t) {
        keel::call c;
        c.turn_at(t);
        static_cast<void>(it.request(config, c));
    };
    constexpr keel::time_point edge(100s); // the window is two minutes, a bucket six seconds
    constexpr keel::time_point in_next = edge + 2s + 6s;
    for (int i = 0; i < 40; ++i)
        asked_at(in_next);
    const double p = it.evaluate(config, in_next);
    CHECK(p > 0.9);
    asked_at(in_next - 6s);
    CHECK(it.probability() >= p);
    asked_at(in_next - 5min); // a clock that was set back: what it brings is all that counts
    CHECK(it.probability() < p);
}
