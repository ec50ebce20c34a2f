// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>
#include <cstdio>
#include <expected>
#include <system_error>

using namespace std::chrono_literals;

namespace {
using answer = std::expected<int, std::error_code>;

answer fetch(int key) { return key; }
answer fail(int) { return std::unexpected(make_error_code(std::errc::connection_refused)); }
answer gone_away(int) { return std::unexpected(make_error_code(std::errc::operation_canceled)); }

constexpr auto sooner = keel::throttle({.k = 1.1, .span = 30s});
constexpr auto overloads = keel::throttle.failing_if([](int status) { return status == 429 || status == 503; });
constexpr auto few_threads = keel::basic_throttle<{.shards = 1}>({.span = 30s}); // for thousands of pipelines

void usage() {
    const int key = 1;
    keel::pipeline p{keel::timeout(1s) | keel::throttle({.span = 30s})};
    const answer found = p([&] { return fetch(key); });
    if (!found && found.error() == keel::errc::throttled) std::puts("left out");
    assert(found == key);

    keel::pipeline q{overloads};
    assert(q([] { return 404; }) == 404);
    assert(q.state<0>().stats().accepts == 1);
}

void figures() {
    keel::manual_clock time;
    keel::pipeline p{keel::named<"fetching">(keel::throttle), time};
    // ...
    const int key = 1;
    for (int i = 0; i < 10; ++i)
        static_cast<void>(p([&] { return fetch(key); }));
    for (int i = 0; i < 30; ++i)
        static_cast<void>(p([&] { return fail(key); }));
    static_cast<void>(p([&] { return gone_away(key); })); // counts as never made, unless it is left out

    const keel::throttle_stats s = p.get<"fetching">().stats();
    assert(s.accepts == 10 && s.requests >= 40);
    assert(s.probability > 0.4 && s.probability < 0.6); // (40 - 2 x 10) / 41
}

void repeatable() {
    keel::thread_random().seed(42); // this thread's requests are left out alike in every run
    keel::pipeline p{keel::throttle};
    const answer refused = p([] { return fail(1); });
    assert(refused.error() == std::errc::connection_refused);
}
} // namespace

int main() {
    usage();
    figures();
    repeatable();
    static_assert(!sooner.validate() && !few_threads.validate());
}
