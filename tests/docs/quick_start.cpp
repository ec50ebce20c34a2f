// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cstdio>

int main() {
    using namespace keel;
    pipeline guard{timeout | retry<exp_jitter> | breaker<sliding_window>};
    std::printf("%d\n", guard([] { return 42; }));
}
