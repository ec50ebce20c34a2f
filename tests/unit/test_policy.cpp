// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {
// A policy of a user: refuses while a switch is off, and counts how its calls ended.
struct switchable {
    template <class Clock>
    struct state {
        explicit state(const switchable&) {}
        std::atomic<bool> on{true};
        std::atomic<int> successes{0}, failures{0}, dropped{0};
    };
    struct frame {
        keel::time_point began;
    };
    keel::admission admit(auto& s, keel::call& c, frame& f) const {
        f.began = c.now();
        return s.on ? keel::proceed : keel::refuse(keel::errc::refused);
    }
    keel::verdict settle(auto& s, keel::call&, frame&, keel::outcome& o) const {
        ++(o.succeeded() ? s.successes : s.failures);
        return keel::verdict::keep();
    }
    void abandon(auto& s, keel::call&, frame&) const noexcept { ++s.dropped; }
};
static_assert(keel::policy<switchable>);
static_assert(!keel::policy<int>);
} // namespace

TEST_CASE("a user's policy composes with every other, and sees each attempt inside a retry") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout | keel::retry<keel::constant> | switchable{} | keel::breaker<>, clock};
    int n = 0;
    CHECK(p([&] { return ++n < 3 ? throw 1 : n; }) == 3);
    auto& s = p.state<2>();
    CHECK(s.successes == 1);
    CHECK(s.failures == 2);
    s.on = false;
    CHECK(p.attempt([] { return 1; }).error() == keel::errc::refused);
    CHECK_THROWS_AS(p([] { return 1; }), keel::rejected);
}

TEST_CASE("a policy is told when a call is dropped by an exception of another policy's predicate") {
    keel::manual_clock clock;
    keel::pipeline p{switchable{} | keel::retry<>.failing_if([](int) -> bool { throw std::logic_error("x"); }), clock};
    CHECK_THROWS_AS(p([] { return 1; }), std::logic_error);
    CHECK(p.state<0>().dropped == 1);
    CHECK(p.state<0>().successes == 0);
}
