// SPDX-License-Identifier: BSL-1.0
#include "shared.hpp"

#include <cstdio>
#include <expected>

int main() {
    int passed = 0, failed = 0;
    const auto expect = [&](bool holds, const char* what) {
        ++(holds ? passed : failed);
        if (!holds) std::printf("%s\n", what);
    };
    expect(shared_pipeline([] { return 42; }) == 42, "a call in this unit");
    expect(call_in_b(42) == 42, "a call in the other unit");
    expect(see() == seen_by_b(), "both units see the same variables");
    // What this unit does to the circuit is what the other unit finds.
    for (int i = 0; i < 1000 && shared_pipeline.circuit().state() == keel::circuit_state::closed; ++i)
        static_cast<void>(shared_pipeline.attempt([]() -> std::expected<int, int> { return std::unexpected(1); }));
    expect(refused_in_b(), "the other unit is refused by the circuit that this one opened");
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
