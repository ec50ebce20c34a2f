// SPDX-License-Identifier: BSL-1.0
#include "shared.hpp"

seen seen_by_b() { return see(); }

int call_in_b(int value) {
    return shared_pipeline([&] { return value; });
}

bool refused_in_b() {
    const auto answer = shared_pipeline.attempt([] { return 42; });
    return !answer && answer.error() == keel::errc::circuit_open;
}
