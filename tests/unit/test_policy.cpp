// SPDX-License-Identifier: BSL-1.0
#include <keel/backoff/constant.hpp>
#include <keel/breaker.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/pipeline.hpp>
#include <keel/policy.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using keel::errc;
using keel::operator|; // neither side of it need be keel's own

namespace {
/// A policy of a user: refuses while a switch is off, and counts how its calls ended.
struct switchable {
    bool on_at_first = true;
    template <class Clock>
    struct state {
        explicit state(const switchable& p)
          : on(p.on_at_first) {}
        std::atomic<bool> on;
        std::atomic<int> successes{0}, failures{0}, dropped{0};
    };
    struct frame {
        keel::time_point began;
    };
    keel::admission admit(auto& s, keel::call& c, frame& f) const {
        f.began = c.now();
        return s.on ? keel::proceed : keel::refuse(errc::refused);
    }
    keel::verdict settle(auto& s, keel::call&, frame&, keel::outcome& o) const {
        ++(o.succeeded() ? s.successes : s.failures);
        return keel::verdict::keep();
    }
    void abandon(auto& s, keel::call&, frame&) const noexcept { ++s.dropped; }
};
/// Answers in place of everything inside while it has something to say.
struct answering {
    const int* answer_with;
    std::vector<int>* hooks;
    bool answer(keel::call&, auto&, auto& o) const {
        if (answer_with == nullptr) return false;
        if constexpr (requires { o.emplace([&] { return *answer_with; }); }) o.emplace([&] { return *answer_with; });
        return true;
    }
    keel::admission admit(keel::call&, auto&) const { return hooks->push_back(1), keel::proceed; }
    keel::verdict settle(keel::call&, auto&, auto&) const { return hooks->push_back(2), keel::verdict::keep(); }
};
/// As above, as often as its pipeline has been told to.
struct answering_from_state {
    template <class Clock>
    struct state {
        int left = 0;
        explicit state(const answering_from_state&) {}
    };
    bool answer(auto& s, keel::call&, auto&, auto& o) const {
        if (s.left == 0) return false;
        --s.left;
        if constexpr (requires { o.emplace([] { return 42; }); }) o.emplace([] { return 42; });
        return true;
    }
    keel::admission admit(auto&, keel::call&, auto&) const { return keel::proceed; }
    keel::verdict settle(auto&, keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
};
struct bare {
    keel::admission admit(keel::call&, auto&) const { return keel::proceed; }
    keel::verdict settle(keel::call&, auto&, auto&) const { return keel::verdict::keep(); }
};
struct counting_uses {
    std::vector<int>* seen;
    struct frame {
        int uses = 0;
    };
    keel::admission admit(keel::call&, frame& f) const { return ++f.uses, keel::proceed; }
    keel::verdict settle(keel::call&, frame& f, auto&) const {
        seen->push_back(f.uses);
        return keel::verdict::keep();
    }
};
struct by_member : bare {
    keel::needs needs{.entry_time = true};
    static constexpr errc rejections[] = {errc::timed_out, errc::refused};
};
struct by_function : bare {
    static constexpr keel::needs needs() noexcept { return {.settle_time = true}; }
    static constexpr std::array<errc, 1> rejections{errc::circuit_open};
    keel::config_error validate() const noexcept { return {.policy = "x", .field = "y"}; }
};
} // namespace

TEST_CASE("what a policy says is what it says") {
    CHECK(keel::proceed.granted());
    CHECK(!keel::refuse(errc::timed_out).granted());
    CHECK(keel::refuse(errc::timed_out).reason == errc::timed_out);
    CHECK(!keel::verdict::keep().again);
    CHECK(keel::verdict::again_after(5ms).again);
    CHECK(keel::verdict::again_after(5ms).delay == keel::nanos(5ms));
}

TEST_CASE("a user's policy composes with every other, and sees each attempt inside a retry") {
    keel::manual_clock clock;
    keel::pipeline p{keel::timeout | keel::retry<keel::constant> | switchable{} | keel::breaker<>, clock};
    int n = 0;
    CHECK(p([&] { return ++n < 3 ? throw 1 : n; }) == 3);
    auto& s = p.state<2>();
    CHECK(s.successes == 1);
    CHECK(s.failures == 2);
    s.on = false;
    CHECK(p.attempt([] { return 1; }).error() == errc::refused);
    CHECK_THROWS_AS(p([] { return 1; }), keel::rejected);
}

TEST_CASE("a policy's state is made from it, one in each pipeline") {
    const auto chain = switchable{.on_at_first = false} | keel::timeout;
    keel::pipeline off{chain}, on{chain};
    on.state<0>().on = true;
    CHECK(off.attempt([] {}).error() == errc::refused);
    CHECK(on.attempt([] {}).has_value());
}

TEST_CASE("a policy's frame is a fresh one in each call, and the same one in each attempt of it") {
    keel::manual_clock clock;
    std::vector<int> uses;
    keel::pipeline p{keel::retry<keel::constant> | counting_uses{&uses}, clock};
    for (int call = 0; call < 2; ++call) {
        int n = 0;
        CHECK(p([&] { return ++n < 3 ? throw 1 : n; }) == 3);
    }
    CHECK(uses == std::vector{1, 2, 3, 1, 2, 3});
}

TEST_CASE("a policy is told when a call is dropped by an exception of another policy's predicate") {
    keel::manual_clock clock;
    keel::pipeline p{switchable{} | keel::retry<>.failing_if([](int) -> bool { throw std::logic_error("x"); }), clock};
    CHECK_THROWS_AS(p([] { return 1; }), std::logic_error);
    CHECK(p.state<0>().dropped == 1);
    CHECK(p.state<0>().successes == 0);
}

TEST_CASE("a policy that refuses is not asked to settle, and those outside it are") {
    keel::manual_clock clock;
    keel::pipeline p{switchable{} | switchable{.on_at_first = false} | switchable{}, clock};
    CHECK(p.attempt([] {}).error() == errc::refused);
    CHECK(p.state<0>().failures == 1);
    CHECK(p.state<1>().failures == 0);
    CHECK(p.state<2>().failures == 0);
    CHECK(p.state<1>().dropped == 0);
}

TEST_CASE("a policy may say in several ways what it needs, refuses with and finds wrong, or not at all") {
    using namespace keel::detail;
    CHECK(needs_of(by_member{}).entry_time);
    CHECK(!needs_of(by_member{}).settle_time);
    CHECK(needs_of(by_function{}).settle_time);
    CHECK(!needs_of(bare{}).entry_time);
    CHECK(!needs_of(bare{}).settle_time);
    CHECK(rejections_of<by_member>() == std::array{errc::timed_out, errc::refused});
    CHECK(rejections_of<by_function>() == std::array{errc::circuit_open});
    CHECK(rejections_of<bare>() == std::array{errc::refused});
    CHECK(validate(by_function{}));
    CHECK(!validate(bare{}));
}

TEST_CASE("needs are joined by or") {
    using keel::needs;
    for (const bool a : {false, true}) {
        for (const bool b : {false, true}) {
            const needs both = needs{a, b} | needs{b, false};
            CHECK(both.entry_time == (a || b));
            CHECK(both.settle_time == b);
        }
    }
}

TEST_CASE("a policy that answers stands in for everything inside it, and those outside settle its answer") {
    std::vector<int> hooks;
    const int forty_two = 42;
    keel::pipeline p{switchable{} | answering{&forty_two, &hooks} | switchable{.on_at_first = false}};
    CHECK(p([] { return 1; }) == 42);
    CHECK(p.attempt([] { return 1; }).value() == 42);
    CHECK(hooks.empty());
    keel::pipeline q{answering{nullptr, &hooks}};
    CHECK(q([] { return 1; }) == 1);
    CHECK(hooks == std::vector{1, 2});
}

TEST_CASE("a policy that answers may do so from its state") {
    keel::pipeline p{keel::named<"cache">(answering_from_state{})};
    CHECK(p([] { return 1; }) == 1);
    p.get<"cache">().left = 2;
    CHECK(p([] { return 1; }) == 42);
    CHECK(p.attempt([] { return 1; }).value() == 42);
    CHECK(p([] { return 1; }) == 1);
}
