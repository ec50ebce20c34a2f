// SPDX-License-Identifier: BSL-1.0
#include <keel/limit/gradient.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>

using namespace std::chrono_literals;
using keel::gradient;
using keel::limit_window;

static_assert(keel::limit_strategy<gradient>);

namespace {
/// A gradient after its first probe, which showed a usual latency of 10 ms, with a limit of 100.
struct probed {
    gradient by{};
    gradient::memory m{};
    double limit = 100;

    explicit probed(const gradient& g = {})
      : by(g) {
        window(10ms);
        window(10ms);
        window(10ms);
    }
    double window(keel::nanos latency, bool used = true, bool failing = false) {
        limit = by.next(m, limit, {.length = 1s, .latency = latency, .used = used, .failing = failing});
        return limit;
    }
};
} // namespace

TEST_CASE("gradient begins with a probe: a quarter of the limit, until calls that began under it have ended") {
    gradient by;
    gradient::memory m;
    const limit_window quick{.length = 1s, .latency = 10ms, .used = true};
    CHECK(by.next(m, 100, quick) == 25);
    CHECK(by.next(m, 25, quick) == 25); // these began before it, or may have
    CHECK(by.next(m, 25, quick) == 100);
    CHECK(m.usual == 10e6);

    gradient::memory of_slow;
    const limit_window slow{.length = 1s, .latency = 1500ms, .used = true};
    CHECK(by.next(of_slow, 100, slow) == 25);
    for (int i = 0; i < 3; ++i)
        CHECK(by.next(of_slow, 25, slow) == 25);
    CHECK(by.next(of_slow, 25, slow) == 100);
}

TEST_CASE("gradient probes again after as many windows of use, and learns from what it sees then") {
    probed p(gradient{.long_windows = 1'000'000, .probe_every = 10});
    for (int i = 0; i < 9; ++i) {
        p.window(30ms, false); // counts for nothing
        CHECK(p.window(30ms) > 30);
    }
    const double before = p.limit;
    CHECK(p.window(30ms) == before / 4);
    p.window(30ms);
    CHECK(p.window(20ms) == before);
    CHECK(p.m.usual == 20e6);
}

TEST_CASE("gradient grows by a share of the square root while latency is as usual, or within tolerance") {
    probed p;
    CHECK(p.window(10ms) == doctest::Approx(100 + 0.2 * 10));
    CHECK(p.window(14ms) == doctest::Approx(102 + 0.2 * std::sqrt(102)));
    CHECK(p.window(1ms) == doctest::Approx(104.02 + 0.2 * std::sqrt(104.02)).epsilon(0.001));
}

TEST_CASE("gradient falls while calls take longer, by at most a tenth in a window") {
    probed p;
    CHECK(p.window(20ms) == doctest::Approx(80 + 0.2 * (75 + 10)).epsilon(0.001));
    probed q;
    CHECK(q.window(10s) == doctest::Approx(80 + 0.2 * (50 + 10)).epsilon(0.001));
}

TEST_CASE("gradient leaves a limit that is not used") {
    probed p;
    CHECK(p.window(10ms, false) == 100);
    CHECK(p.window(100ms, false) == 100);
}

TEST_CASE("gradient raises no limit under which calls fail, and learns no latency from them") {
    probed p;
    CHECK(p.window(10ms, true, true) == 100);
    CHECK(p.window(30ms, true, true) < 100);
    CHECK(p.m.usual == 10e6);
    gradient by;
    gradient::memory m;
    const limit_window failing{.length = 1s, .latency = 1ms, .used = true, .failing = true};
    for (int i = 0; i < 200; ++i)
        CHECK(by.next(m, 100, failing) == doctest::Approx(90));
    CHECK(m.usual == 0);
    CHECK(by.next(m, 100, {.length = 1s, .latency = 1ms, .used = false, .failing = true}) == 100);
}

TEST_CASE("gradient takes a while to find another latency usual, and less where it is much lower") {
    probed p(gradient{.probe_every = 1'000'000});
    for (int i = 0; i < 60; ++i)
        p.window(20ms);
    CHECK(p.m.usual > 11e6);
    CHECK(p.m.usual < 13e6);
    probed q(gradient{.probe_every = 1'000'000});
    for (int i = 0; i < 60; ++i)
        q.window(1ms);
    CHECK(q.m.usual < 2.1e6);
    CHECK(q.m.usual > 1.5e6);
}

TEST_CASE("gradient comes back up after a drop") {
    probed p;
    for (int i = 0; i < 20; ++i)
        p.window(1s);
    CHECK(p.limit < 30);
    int windows = 0;
    while (p.window(10ms) < 100 && windows < 1000)
        ++windows;
    CHECK(windows < 100);
}

TEST_CASE("gradient comes to rest where its page says") {
    // Latency in proportion to the limit: what a server does whose queue is full.
    for (const double tolerance : {1.0, 1.5, 3.0}) {
        probed p(gradient{.tolerance = tolerance, .long_windows = 1'000'000, .probe_every = 1'000'000});
        for (int i = 0; i < 2000; ++i)
            p.window(keel::nanos::from(10e6 * p.limit / 20));
        CHECK(p.limit / 20 == doctest::Approx(tolerance / (1 - 1 / std::sqrt(p.limit))).epsilon(0.02));
    }
}
