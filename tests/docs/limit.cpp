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

constexpr auto by_latency = keel::limit<keel::gradient>({.initial = 10, .max = 100});
constexpr auto by_failures = keel::limit<keel::aimd>({.initial = 10, .strategy = {.backoff = 0.5}});
constexpr auto of_the_server = by_failures.failing_if([](int status) { return status == 503; });

void usage() {
    const int key = 1;
    keel::pipeline p{keel::retry<> | keel::named<"fetching">(by_latency) | keel::timeout(1s)};
    const answer found = p([&] { return fetch(key); });
    if (!found && found.error() == keel::errc::limit_exceeded) std::puts("busy");
    assert(found == key);

    std::printf("%u of %u are inside\n", p.get<"fetching">().in_flight(), p.get<"fetching">().limit());
    assert(p.get<"fetching">().limit() == 10);
}

} // namespace

int main() {
    usage();
    static_assert(!of_the_server.validate());
}
