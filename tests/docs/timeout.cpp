// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <expected>
#include <system_error>

using namespace std::chrono_literals;

namespace {
using answer = std::expected<int, std::error_code>;

int fetch(int key, std::chrono::nanoseconds at_most) {
    assert(at_most > 0ns && at_most <= 5s);
    return key;
}

void usage() {
    const int key = 1;
    keel::pipeline p{keel::timeout(5s)};
    const int found = p([&](const keel::context& c) { return fetch(key, c.remaining()); });
    assert(found == key);
}

void nested() {
    keel::pipeline outer{keel::timeout(5s)};
    keel::pipeline inner{keel::timeout(60s)};
    const int key = 1;
    const int found = outer([&](const keel::context& c) {
        // Five seconds from the start of the outer call, not sixty from here.
        return inner(c, [&](const keel::context& nearer) { return fetch(key, nearer.remaining()); });
    });
    assert(found == key);
}

void late() {
    keel::manual_clock time;
    const auto slow = [&]() -> answer {
        time.advance(51ms);
        return 1;
    };
    keel::pipeline failing{keel::timeout(50ms), time};
    assert(failing(slow).error() == keel::errc::timed_out);

    keel::pipeline keeping{keel::timeout({.after = 50ms, .late_success = keel::late_success::keep}), time};
    assert(keeping(slow) == 1);

    // A late failure stays what it was.
    keel::pipeline p{keel::timeout(50ms), time};
    const answer refused = p([&]() -> answer {
        time.advance(51ms);
        return std::unexpected(make_error_code(std::errc::connection_refused));
    });
    assert(refused.error() == std::errc::connection_refused);

    // In time to the nanosecond is in time.
    assert(p([&] { return time.advance(50ms), 1; }) == 1);
}

void seen_by_a_breaker() {
    constexpr auto at_once = keel::breaker<keel::consecutive_failures>({.window = {.failures = 1}});
    keel::manual_clock time;
    const auto slow = [&] { return time.advance(51ms), 1; };

    keel::pipeline counted{at_once | keel::timeout(50ms), time};
    keel::pipeline unseen{keel::timeout(50ms) | at_once, time};
    static_cast<void>(counted.attempt(slow));
    static_cast<void>(unseen.attempt(slow));
    assert(counted.circuit().state() == keel::circuit_state::open);
    assert(unseen.circuit().state() == keel::circuit_state::closed);
}
} // namespace

int main() {
    usage();
    nested();
    late();
    seen_by_a_breaker();
}
