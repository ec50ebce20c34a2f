// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdio>

using namespace std::chrono_literals;

namespace {
int fetch() { return 1; }

constexpr auto steady = keel::rate_limit({.rate = 100, .per = 1s, .burst = 20});
constexpr auto patient = keel::rate_limit({.rate = 100, .per = 1s, .burst = 20, .max_wait = 50ms});

void usage() {
    keel::manual_clock time;
    keel::pipeline p{keel::timeout(1s) | steady, time};
    for (int i = 0; i < 20; ++i)
        static_cast<void>(p(fetch));
    const auto refused = p.attempt(fetch);
    assert(refused.error() == keel::errc::rate_limited);
    assert(refused.error().retry_after() == 10ms); // to the nanosecond

    time.advance(10ms);
    assert(p.attempt(fetch).has_value());
}

void waiting() {
    keel::manual_clock time; // its sleeps return at once
    keel::pipeline p{patient, time};
    for (int i = 0; i < 25; ++i)
        static_cast<void>(p(fetch));
    assert(time.now() == keel::time_point(50ms)); // five waited, for 10 ms each

    keel::pipeline hurried{keel::timeout(9ms) | patient, time};
    for (int i = 0; i < 20; ++i)
        static_cast<void>(hurried(fetch));
    assert(hurried.attempt(fetch).error().retry_after() == 10ms); // at once: it could not wait so long
    assert(time.now() == keel::time_point(50ms));
}

constexpr auto bulky = steady.costing([](const keel::context& c) { return c.attempt() == 0 ? 5 : 1; });

void costs() {
    keel::manual_clock time;
    keel::pipeline p{bulky, time};
    for (int i = 0; i < 4; ++i)
        assert(p.attempt(fetch).has_value());
    assert(p.attempt(fetch).error().retry_after() == 50ms);
}

void figures() {
    keel::pipeline p{keel::named<"search">(steady)};
    std::printf("%ld calls can be made now\n", static_cast<long>(p.get<"search">().available()));
}

constexpr auto in_windows = keel::rate_limit(keel::fixed_window{.limit = 100, .period = 1s});

void windows() {
    keel::manual_clock time;
    keel::pipeline p{in_windows, time};
    const auto calls = [&] {
        int n = 0;
        while (p.attempt(fetch))
            ++n;
        return n;
    };
    time.advance(999ms);
    const int before = calls();
    time.advance(1ms);
    const int after = calls();
    assert(before == 100 && after == 100); // two hundred in a millisecond
}

void by_hand() {
    keel::manual_clock clock;
    keel::rate_limiter<> limiter{{.rate = 100, .per = 1s, .burst = 1, .max_wait = 50ms}};
    assert(limiter.try_acquire(clock.now()).wait == 0ms);
    const auto permit = limiter.try_acquire(clock.now());
    assert(permit && permit.wait == 10ms);       // to be waited for before the call
    assert(limiter.give_back(permit));           // or not used: nobody has come since
    assert(limiter.available(clock.now()) == 0); // without a wait
}

void attempts() {
    keel::manual_clock time;
    constexpr auto one = keel::rate_limit({.rate = 100, .per = 1s, .burst = 1});
    keel::pipeline counts_calls{one | keel::retry<keel::constant>, time};
    keel::pipeline counts_attempts{keel::retry<keel::constant> | one, time};
    const auto fail = []() -> int { throw 1; };
    static_cast<void>(counts_calls.attempt(fail)); // three attempts, one permit
    assert(time.now() == keel::time_point(20ms));
    static_cast<void>(counts_attempts.attempt(fail)); // a permit each
    assert(time.now() == keel::time_point(40ms));
}
} // namespace

int main() {
    usage();
    waiting();
    costs();
    figures();
    windows();
    by_hand();
    attempts();
}
