// SPDX-License-Identifier: BSL-1.0
// What policies that no other test of tickets has make of one, and what one makes of policies that are not keel's.
#include <keel/backoff/constant.hpp>
#include <keel/chaos.hpp>
#include <keel/clock/manual_clock.hpp>
#include <keel/error.hpp>
#include <keel/fallback.hpp>
#include <keel/limit.hpp>
#include <keel/named.hpp>
#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/throttle.hpp>
#include <keel/timeout.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

using namespace std::chrono_literals;
using keel::errc;
using keel::operator|; // neither side of it need be keel's own

namespace {
constexpr auto thrice = keel::retry<keel::constant>({.attempts = 3, .backoff = {.every = 10ms}});
const std::error_code io_error = std::make_error_code(std::errc::io_error);
using nothing = std::expected<void, std::error_code>;

/// A share of an object, which can be copied and not moved: where it came from goes on holding it.
struct share {
    std::shared_ptr<int> of;
    share() = default;
    share(const share&) = default;
    share& operator=(const share&) = default;
};

/// Holds what is counted from `admit` to the end of the call, in a frame that is no plain bytes.
template <bool Express>
struct holds {
    std::shared_ptr<int> counted;

    struct frame {
        share held;
    };
    static constexpr keel::errc rejections[] = {errc::refused};
    bool fast_admit(keel::call&, frame& f) const noexcept
        requires Express
    {
        f.held.of = counted;
        return true;
    }
    bool fast_settle(keel::call&, frame& f) const noexcept
        requires Express
    {
        f.held.of.reset();
        return true;
    }
    keel::admission admit(keel::call&, frame& f) const {
        f.held.of = counted;
        return keel::proceed;
    }
    keel::verdict settle(keel::call&, frame& f, keel::outcome&) const {
        f.held.of.reset();
        return keel::verdict::keep();
    }
    // No `abandon`: what a frame owns ends with it.
};

template <bool Express>
void holds_and_lets_go() {
    keel::manual_clock clock;
    const auto counted = std::make_shared<int>();
    keel::pipeline p{thrice | holds<Express>{counted} | keel::timeout(1h), clock};
    const auto held = [&] { return counted.use_count() - 2; }; // by this function, and by the pipeline
    REQUIRE(held() == 0);
    {
        auto t = p.begin();
        CHECK(held() == 1);
        auto moved = std::move(t);
        CHECK(held() == 1);
        CHECK(!moved.success());
        CHECK(held() == 0);
        moved = p.begin();
        CHECK(held() == 1);
        CHECK(moved.failure());
        CHECK(held() == 0);
        clock.advance(10ms);
        CHECK(moved.resume());
        CHECK(held() == 1);
        std::optional kept = std::move(moved);
        CHECK(held() == 1);
        CHECK(kept->failure());
        moved = *std::exchange(kept, std::nullopt);
        clock.advance(10ms);
        CHECK(moved.resume());
        CHECK(!moved.success());
        CHECK(held() == 0);
        const auto dropped = p.begin();
        auto ends = p.begin();
        CHECK(!ends.ignore());
        CHECK(held() == 1);
    }
    CHECK(held() == 0);
}
} // namespace

TEST_CASE("a frame that owns something is moved with its ticket, and ends with it") {
    holds_and_lets_go<false>();
    holds_and_lets_go<true>();
}

TEST_CASE("a fallback answers for a ticket with nothing, or with another error") {
    keel::manual_clock clock;
    keel::pipeline p{keel::fallback([] {}) | thrice, clock};
    auto t = p.begin();
    CHECK(t.failure());
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(t.failure());
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(!t.failure());
    CHECK(t.error() == errc{});
    CHECK(t.result());

    keel::failure why(errc{});
    std::error_code what;
    keel::pipeline q{keel::fallback([&](const keel::basic_failure<std::error_code>& f) -> nothing {
                         why = f;
                         if (f.error() != nullptr) what = *f.error();
                         return std::unexpected(std::make_error_code(std::errc::no_link));
                     }) | keel::chaos({.rate = 0}).fault() |
                         keel::timeout(1s),
                     clock};
    auto u = q.begin();
    CHECK(!u.failure(io_error));
    CHECK(what == io_error);
    CHECK(u.result() == std::unexpected(std::make_error_code(std::errc::no_link)));
    auto late = q.begin();
    clock.advance(2s);
    CHECK(!late.success());
    CHECK(why.reason() == errc::timed_out);
    CHECK(late.error() == errc{});
    CHECK(late.result().error() == std::errc::no_link);
}

TEST_CASE("faults and results are injected into tickets") {
    keel::manual_clock clock;
    std::atomic<bool> drill{true};
    keel::pipeline p{thrice | keel::chaos({.rate = 1, .enabled = &drill}).fault(), clock};
    auto t = p.begin();
    CHECK(t.waiting());
    drill = false;
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(t.attempt() == 1);
    CHECK(!t.success());

    keel::pipeline q{keel::chaos({.rate = 1}).result([]() -> nothing { return std::unexpected(io_error); }), clock};
    auto u = q.begin();
    CHECK(!u);
    CHECK(u.error() == errc{});
    CHECK(u.result() == std::unexpected(io_error));
    keel::pipeline answers{keel::chaos({.rate = 1}).result([] {}), clock};
    auto v = answers.begin();
    CHECK(!v); // there is nothing to do any more
    CHECK(v.result());
}

TEST_CASE("selectors of values are asked of no ticket") {
    keel::manual_clock clock;
    keel::pipeline p{thrice.failing_if([](int) { return true; }), clock};
    auto t = p.begin();
    CHECK(!t.success());
    CHECK(t.result());
    auto u = p.begin();
    CHECK(u.failure());
}

TEST_CASE("tickets take from a retry budget, and earn for it") {
    keel::manual_clock clock;
    keel::pipeline p{thrice.budgeted({.max_tokens = 3, .ratio = 1}), clock};
    auto t = p.begin();
    CHECK(t.failure()); // two tokens are left, and more than half is needed
    clock.advance(10ms);
    CHECK(t.resume());
    CHECK(!t.failure());
    CHECK(!p.begin().success());
    CHECK(!p.begin().success());
    auto u = p.begin();
    CHECK(u.failure());
}

TEST_CASE("a throttle leaves tickets out, and a limit has no room for them") {
    keel::manual_clock clock;
    keel::pipeline p{keel::named<"throttle">(keel::throttle), clock};
    int left_out = 0;
    for (int i = 0; i < 1000; ++i) {
        auto t = p.begin();
        if (t)
            t.failure();
        else
            left_out += t.error() == errc::throttled;
    }
    CHECK(left_out > 500);
    CHECK(p.get<"throttle">().stats().requests == 1000);

    keel::pipeline q{keel::limit<keel::aimd>({.initial = 1, .max = 1}), clock};
    auto t = q.begin();
    CHECK(q.begin().error() == errc::limit_exceeded);
    CHECK(!t.success());
    CHECK(q.begin());
}
