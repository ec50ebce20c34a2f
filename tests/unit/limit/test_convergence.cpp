// SPDX-License-Identifier: BSL-1.0
#include "support/queueing_server.hpp"

#include <keel/limit.hpp>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using support::queueing_server;

// A server of known capacity that gets three times what it can do, in virtual time: its capacity is the number of its
// workers, and what is beyond that waits.

namespace {
using by_latency = queueing_server<keel::limit_policy<keel::gradient>>;
using by_failures = queueing_server<keel::limit_policy<keel::aimd>>;

/// The band that docs/policies/limit.md states: between the capacity and two and a half times of it.
template <class Server>
void check_in_band(Server& s) {
    const double limit = s.mean_limit(60), capacity = static_cast<double>(s.workers);
    CHECK(limit > capacity);
    CHECK(limit < 2.5 * capacity);
}
} // namespace

TEST_CASE("by its gradient a limit settles in the same band from below and from above") {
    for (const int initial : {1, 5, 20, 60, 200}) {
        INFO("initial ", initial);
        by_latency s(keel::limit<keel::gradient>({.initial = initial}));
        s.run(600);
        for (int minute = 0; minute < 20; ++minute)
            check_in_band(s);
        CHECK(static_cast<double>(s.sent) > 0.97 * 1800 * 100); // it keeps the server busy
    }
}

TEST_CASE("a gradient's limit follows a capacity that doubles, and one that halves") {
    by_latency s(keel::limit<keel::gradient>);
    s.run(300);
    const double first = s.mean_limit(60);
    s.workers = 20;
    s.arrivals = 600;
    s.run(300);
    const double doubled = s.mean_limit(60);
    CHECK(doubled > 1.6 * first);
    check_in_band(s);
    s.workers = 5;
    s.run(300);
    CHECK(s.mean_limit(60) < 0.4 * doubled);
    check_in_band(s);
}

TEST_CASE("a gradient finds its band again where all work takes longer, or less") {
    by_latency s(keel::limit<keel::gradient>);
    s.run(300);
    s.work = 0.3;
    s.run(300);
    check_in_band(s);
    s.work = 0.05;
    s.run(300);
    check_in_band(s);
}

TEST_CASE("a gradient holds its band for hours, where calls take longer than a window too") {
    for (const double work : {0.1, 1.0, 3.0}) {
        INFO("work ", work);
        by_latency s(keel::limit<keel::gradient>);
        s.work = work;
        s.arrivals = 30 / work;
        s.run(600);
        for (int part = 0; part < 40; ++part) {
            s.run(240);
            check_in_band(s);
        }
    }
}

TEST_CASE("a limit does not grow as long as less than half of it is used") {
    by_latency s(keel::limit<keel::gradient>({.initial = 50}));
    s.arrivals = 50; // five at a time
    s.run(600);
    CHECK(s.client.state.limit() == 50);
    by_failures t(keel::limit<keel::aimd>({.initial = 50}));
    t.arrivals = 50;
    t.run(600);
    CHECK(t.client.state.limit() == 50);
}

TEST_CASE("by its failures a limit settles where calls just do not fail") {
    for (const int initial : {1, 20, 200}) {
        INFO("initial ", initial);
        by_failures s(keel::limit<keel::aimd>({.initial = initial}));
        s.patience = 0.2; // who waits for as long again as the work takes gives up
        s.run(300);
        for (int minute = 0; minute < 10; ++minute)
            check_in_band(s);
    }
}

TEST_CASE("an aimd's limit follows a capacity that doubles, and one that halves") {
    by_failures s(keel::limit<keel::aimd>);
    s.patience = 0.2;
    s.run(300);
    const double first = s.mean_limit(60);
    s.workers = 20;
    s.arrivals = 600;
    s.run(120);
    const double doubled = s.mean_limit(60);
    CHECK(doubled > 1.6 * first);
    check_in_band(s);
    s.workers = 10;
    s.run(120);
    CHECK(s.mean_limit(60) < 0.65 * doubled);
    check_in_band(s);
}

TEST_CASE("a callee that hangs, and comes back, gets its calls again") {
    by_latency s(keel::limit<keel::gradient>);
    s.patience = 2;
    s.run(300);
    s.work = 100;
    s.run(300);
    CHECK(s.client.state.limit() < 25);
    s.work = 0.1;
    s.run(120);
    check_in_band(s);
}
