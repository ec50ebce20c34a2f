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
