// SPDX-License-Identifier: BSL-1.0
#include "support/differential.hpp"
#include "support/overtaken_atomics.hpp"
#include "support/recorder.hpp"

#include <keel/window/consecutive_failures.hpp>

#include <cstdint>
#include <thread>
#include <vector>

using keel::consecutive_failures;
using keel::judgement;

static_assert(consecutive_failures::shards == 1); // no more than the refusals need
static_assert(keel::consecutive_failures_options{}.shards == 16);
static_assert(!keel::consecutive_failures_options{}.count_overdue);
static_assert(consecutive_failures{}.failures == 5);

namespace {
using recorder = support::recorder<consecutive_failures>;
} // namespace

TEST_CASE("so many failures in a row fail, and a success in between starts the row over") {
    recorder r({.window = {.failures = 3}});
    r.record(2, true);
    CHECK(r.judge() == judgement::healthy);
    r.record(false);
    r.record(2, true);
    CHECK(r.judge() == judgement::healthy);
    r.record(true);
    CHECK(r.judge() == judgement::failing);
    r.record(true);
    CHECK(r.judge() == judgement::failing);
    r.record(false);
    CHECK(r.judge() == judgement::healthy);
}

TEST_CASE("a row of one fails with the first failure") {
    recorder r({.window = {.failures = 1}});
    r.record(false);
    CHECK(r.judge() == judgement::healthy);
    r.record(true);
    CHECK(r.judge() == judgement::failing);
}

TEST_CASE("a success takes the healthy path exactly while no row has begun") {
    recorder r({.window = {.failures = 3}});
    keel::call c;
    CHECK(r.counts.try_success(r.config.window, c));
    r.record(true);
    CHECK(!r.counts.try_success(r.config.window, c));
    r.counts.record(r.config.window, c, 0, {});
    CHECK(r.counts.try_success(r.config.window, c));
}

TEST_CASE("a success ends a row in every generation, and leaves nothing that another could take for one") {
    for (const std::uint64_t generation : {0u, 1u, 2u, 3u, 0xf'ffffu}) {
        recorder r({.window = {.failures = 3}});
        keel::call c;
        r.record(true, {}, generation);
        r.counts.record(r.config.window, c, generation, {});
        CHECK(r.counts.try_success(r.config.window, c));
        CHECK(r.counts.counted(r.config.window, {}, keel::detail::any_generation).failed == 0);
        r.record(true, {}, generation);
        CHECK(r.counts.counted(r.config.window, {}, generation).failed == 1);
    }
}

TEST_CASE("a failure does not continue a row of an earlier generation") {
    recorder r({.window = {.failures = 2}});
    r.record(true, {}, 1);
    r.record(true, {}, 2);
    CHECK(r.judge({}, 2) == judgement::healthy);
    r.record(true, {}, 2);
    CHECK(r.judge({}, 2) == judgement::failing);
}

TEST_CASE("a row is not judged in another generation, nor shown as its own") {
    recorder r({.window = {.failures = 1}});
    r.record(true, {}, 1);
    CHECK(r.judge({}, 1) == judgement::failing);
    CHECK(r.judge({}, 2) == judgement::healthy);
    CHECK(r.counts.counted(r.config.window, {}, 1).failed == 1);
    CHECK(r.counts.counted(r.config.window, {}, 2).failed == 0);
    CHECK(r.counts.counted(r.config.window, {}, 0).failed == 0);
    CHECK(r.counts.counted(r.config.window, {}, keel::detail::any_generation).failed == 1);
}

TEST_CASE("a result that comes after the next generation began may end its row, and does nothing else to it") {
    for (const bool failed : {false, true}) {
        recorder r({.window = {.failures = 3}});
        r.record(true, {}, 2);
        r.record(true, {}, 2);
        r.record(failed, {}, 1);
        r.record(true, {}, 2);
        CHECK(r.judge({}, 2) == judgement::healthy);
        CHECK(r.counts.counted(r.config.window, {}, 2).failed == 1);
        r.record(true, {}, 2);
        r.record(true, {}, 2);
        CHECK(r.judge({}, 2) == judgement::failing);
    }
}

TEST_CASE("a row of another generation is forgotten, and one of this generation is kept") {
    recorder r({.window = {.failures = 3}});
    const auto row = [&] { return r.counts.counted(r.config.window, {}, keel::detail::any_generation); };
    r.record(true, {}, 3);
    r.record(true, {}, 3);
    r.counts.forget_all_but(3);
    CHECK(row().calls == 2);
    CHECK(row().failed == 2);
    r.counts.forget_all_but(5);
    CHECK(row().calls == 0);
    CHECK(row().failed == 0);
    r.record(true, {}, 5);
    CHECK(row().failed == 1);
    r.counts.forget();
    CHECK(row().failed == 0);
}

TEST_CASE("a row shows failures, and no slow calls, and all that was recorded is in the total") {
    recorder r({.window = {.failures = 3}});
    r.record(2, true);
    const keel::window_counts held = r.counts.counted(r.config.window, {}, 0);
    CHECK(held.slow == 0);
    CHECK(held.slow_failed == 0);
    CHECK(r.counts.total() == 2);
    r.record(false);
    CHECK(r.counts.total() == 3);
}

TEST_CASE("of two failures at once both continue the row") {
    using overtaken = support::overtaken_atomics<support::exchanges::weak>;
    support::recorder<consecutive_failures, overtaken> r({.window = {.failures = 3}});
    r.record(true);
    support::meanwhile = [&] { r.record(true); };
    r.record(true);
    CHECK(r.counts.counted(r.config.window, {}, 0).failed == 3);
    CHECK(r.judge() == judgement::failing);
}

TEST_CASE("failures in a row by several threads are all counted") {
    recorder r({.window = {.failures = 4000}});
    std::vector<std::jthread> running;
    for (int t = 0; t < 4; ++t)
        running.emplace_back([&] { r.record(1000, true); });
    running.clear();
    CHECK(r.judge() == judgement::failing);
    r.config.window.failures = 4001;
    CHECK(r.judge() == judgement::healthy);
}

TEST_CASE("a row is of at least one failure") {
    const auto accepts = [](int failures) {
        keel::detail::checker c("breaker");
        consecutive_failures{failures}.check(c);
        return !c.error;
    };
    CHECK(accepts(1));
    CHECK(accepts(5));
    CHECK(!accepts(0));
    CHECK(!accepts(-1));
}

TEST_CASE("failures in a row judge 11,000 results as the last n of them written down, after every one") {
    recorder r({.window = {.failures = 5}});
    auto model = support::naive_window::in_a_row(5);
    support::judge_alike(r, model, 11'000, 1);
}

TEST_CASE("a circuit trips exactly when the last n results written down are all failures") {
    support::differ_in_no_result(300, 400, [](auto& random) {
        const int failures = support::draw(random, 1, 12);
        return support::trial<consecutive_failures>{.config = {.window = {.failures = failures}},
                                                    .model = support::naive_window::in_a_row(failures)};
    });
}
