// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>

using namespace std::chrono_literals;

namespace {
int query() { return 1; }

void usage() {
    keel::pipeline p{keel::timeout(1s) | keel::bulkhead({.permits = 10, .max_wait = 50ms})};
    assert(p(query) == 1);
}

void by_name() {
    keel::pipeline p{keel::retry<keel::exp_jitter> | keel::named<"database">(keel::bulkhead({.permits = 10}))};
    p([&] {
        assert(p.get<"database">().in_flight() == 1);
        assert(p.get<"database">().waiting() == 0);
        return query();
    });
    assert(p.get<"database">().in_flight() == 0);
}

void shared() {
    keel::shared_bulkhead database{{.permits = 10}};
    keel::pipeline reads{keel::timeout(50ms) | keel::through(database)};
    keel::pipeline writes{keel::timeout(1s) | keel::through(database)};
    reads([&] { return writes([&] { assert(database.in_flight() == 2); }); });
}

void refused() {
    keel::pipeline p{keel::bulkhead({.permits = 1})};
    p([&] { assert(p.attempt(query).error() == keel::errc::bulkhead_full); });

    // A breaker further out ignores it, and a retry further out tries again.
    keel::manual_clock time;
    keel::pipeline twice{keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}}) |
                             keel::retry<keel::constant>({.attempts = 2, .backoff = {.every = 10ms}}) |
                             keel::bulkhead({.permits = 1}),
                         time};
    twice([&] { assert(!twice.attempt(query)); });
    assert(time.now() == keel::time_point(10ms));
    assert(twice.circuit().state() == keel::circuit_state::closed);
}

void bounded_by_a_timeout() {
    keel::manual_clock time;
    keel::pipeline bounded{keel::timeout(20ms) | keel::bulkhead({.permits = 1, .max_wait = 50ms}), time};
    bounded([&] {
        assert(bounded.attempt(query).error() == keel::errc::bulkhead_full);
        assert(time.now() == keel::time_point(20ms));
    });
}

void more_who_wait() {
    keel::pipeline p{keel::basic_bulkhead<{.waiters = 1024}>({.permits = 10, .max_wait = 50ms})};
    keel::shared_bulkhead<{.waiters = 1024}> database;
    keel::pipeline q{keel::through(database)};
    assert(p(query) == q(query));
}
} // namespace

int main() {
    usage();
    by_name();
    shared();
    refused();
    bounded_by_a_timeout();
    more_who_wait();
}
