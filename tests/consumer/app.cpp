// SPDX-License-Identifier: BSL-1.0
#include <keel/keel.hpp>

#include <cstdio>

int main() {
    keel::pipeline p{keel::timeout | keel::retry<keel::exp_jitter> | keel::breaker<keel::sliding_window>};
    std::printf("%d\n", p([] { return 42; }));
}
