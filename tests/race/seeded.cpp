// SPDX-License-Identifier: BSL-1.0

// The explorer must find every bug that was put in, and nothing where it was not.

#include "seeded.hpp"

#include <cstdio>

int main() {
    int passed = 0, failed = 0;
    for (const race::seeded_bug& bug : race::seeded_bugs()) {
        const race::report r = bug.with({}, {}, "");
        const race::report right = bug.without({}, {}, "");
        std::printf("%-34s ", bug.name);
        if (!r)
            std::printf("found after %llu executions: %s\n    replay: %s\n",
                        static_cast<unsigned long long>(r.executions), r.failure.c_str(), r.replay.c_str());
        else
            std::printf("NOT FOUND\n");
        if (!right || !right.complete)
            std::printf("    WITHOUT IT: %s\n", !right ? right.failure.c_str() : "not complete");
        ++(!r && right && right.complete ? passed : failed);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
