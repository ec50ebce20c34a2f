// SPDX-License-Identifier: BSL-1.0

// `circuit`: every scenario, with what it took; and every finding, which must still be one. `circuit name`: one of
// them. `circuit name replay`: each step of one execution, as a failure printed it.

#include "scenarios.hpp"

#include <chrono>
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
    using clock = std::chrono::steady_clock;
    const auto seconds_since = [](clock::time_point t) {
        return std::chrono::duration<double>(clock::now() - t).count();
    };
    const clock::time_point start = clock::now();
    int failed = 0;
    unsigned long long executions = 0;
    const auto run = [&](const race::scenario& s, bool holds) {
        if (argc > 1 && std::strcmp(argv[1], s.name) != 0) return;
        const clock::time_point began = clock::now();
        const race::report r = s.explore(s.within, {}, argc > 2 ? argv[2] : "");
        const bool as_expected = argc > 2 || (holds ? r && r.complete : !r);
        std::printf("%-40s %8llu executions %8llu states %6.2f s  ", s.name,
                    static_cast<unsigned long long>(r.executions), static_cast<unsigned long long>(r.states),
                    seconds_since(began));
        if (!r)
            std::printf("%s: %s\n    replay: circuit %s '%s'\n", holds ? "FAILED" : "known", r.failure.c_str(), s.name,
                        r.replay.c_str());
        else if (!r.complete)
            std::printf("not complete\n");
        else if (!holds)
            std::printf("GONE: it holds now, move it to the scenarios\n");
        else if (s.within.preemptions < 0)
            std::printf("all\n");
        else
            std::printf("at most %d preemptions\n", s.within.preemptions);
        std::fflush(stdout);
        failed += as_expected ? 0 : 1;
        executions += r.executions;
    };
    for (const race::scenario& s : race::scenarios())
        run(s, true);
    for (const race::scenario& s : race::findings())
        run(s, false);
    std::printf("%llu executions in %.1f s, %d not as expected\n", executions, seconds_since(start), failed);
    return failed == 0 ? 0 : 1;
}
