// SPDX-License-Identifier: BSL-1.0

// A second opinion: Relacy, which shares nothing with the explorer, runs every scenario and every seeded bug, and must
// say the same of each. Of a scenario it sees only some executions, so that it finds nothing there proves less; that it
// finds the seeded bugs in as few shows what such a number is worth. `relacy name`: one of them.

#include "scenarios.hpp"
#include "seeded.hpp"

#include <chrono>
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
    using clock = std::chrono::steady_clock;
    const clock::time_point start = clock::now();
    int passed = 0, failed = 0;
    unsigned long long executions = 0;
    const auto expect = [&](const char* name, const char* kind, const race::report& r, bool fails) {
        executions += r.executions;
        ++(!r == fails ? passed : failed);
        std::printf("%-36s %-12s %8llu executions%s  %s%s\n", name, kind, static_cast<unsigned long long>(r.executions),
                    r.complete ? ", all with 3 switches" : "", r.failure.c_str(), !r == fails ? "" : "   <-- WRONG");
        std::fflush(stdout);
    };
    constexpr race::limits much{.executions = 110'000}, little{.executions = 10'000};
    for (const race::scenario& s : race::scenarios())
        if (argc == 1 || std::strcmp(argv[1], s.name) == 0) expect(s.name, "holds", s.explore(much, {}, ""), false);
    for (const race::seeded_bug& bug : race::seeded_bugs()) {
        if (argc > 1 && std::strcmp(argv[1], bug.name) != 0) continue;
        expect(bug.name, "is found", bug.with(much, {}, ""), true);
        expect(bug.name, "... without", bug.without(little, {}, ""), false);
    }
    std::printf("%llu executions in %.1f s\n%d passed, %d failed\n", executions,
                std::chrono::duration<double>(clock::now() - start).count(), passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
