// SPDX-License-Identifier: BSL-1.0

// A retry follows any range of durations: a literal list, or views composed with range-v3. Where the range ends, so
// does the retry.

#include <keel/backoff/views.hpp>
#include <keel/keel.hpp>

#include <range/v3/view/concat.hpp>
#include <range/v3/view/repeat_n.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>

#include <cassert>
#include <chrono>
#include <expected>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// How long `p` waits between the attempts of a call that never succeeds.
template <class Retry>
std::vector<nanoseconds> waits(const Retry& retry) {
    keel::manual_clock time;
    keel::pipeline p{retry, time};
    std::vector<nanoseconds> found;
    keel::time_point last = time.now();
    static_cast<void>(p([&](const keel::context& c) -> std::expected<int, std::error_code> {
        if (c.attempt() > 1) found.push_back(time.now() - last);
        last = time.now();
        return std::unexpected(make_error_code(std::errc::timed_out));
    }));
    return found;
}

int main() {
    using list = std::vector<nanoseconds>;
    assert(waits(keel::retry_on(keel::schedule{10ms, 50ms, 200ms})) == (list{10ms, 50ms, 200ms}));

    // Twice at once, then three delays of a backoff.
    const auto growing = keel::views::delays(keel::exponential{.base = 10ms, .cap = 30ms});
    const auto eager =
        ranges::views::concat(ranges::views::repeat_n(nanoseconds(0), 2), growing | ranges::views::take(3));
    assert(waits(keel::retry_on(eager)) == (list{0ms, 0ms, 10ms, 20ms, 30ms}));

    // A backoff is itself a lazy range of delays, without range-v3 too.
    list drawn;
    for (const nanoseconds delay : keel::exp_jitter{.base = 10ms, .cap = 80ms}) {
        drawn.push_back(delay);
        if (drawn.size() == 100) break;
    }
    for (const nanoseconds delay : drawn)
        assert(delay >= 0ms && delay <= 80ms);
}
