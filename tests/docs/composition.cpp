// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cassert>
#include <chrono>

using namespace std::chrono_literals;

namespace {
constexpr auto usual = keel::strict(keel::fallback(-1) | keel::timeout(1s) | keel::retry<keel::exp_jitter> |
                                    keel::breaker<keel::sliding_window>);
constexpr auto with_permits = keel::strict(usual | keel::rate_limit | keel::bulkhead);
} // namespace

int main() {
    keel::pipeline p{with_permits};
    assert(p([] { return 42; }) == 42);
}
