// SPDX-License-Identifier: BSL-1.0

// `circuit`: every scenario, with what it took. `circuit name`: one of them. `circuit name replay`: each step of one
// execution, as a failure printed it.

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
    int passed = 0, failed = 0;
    unsigned long long executions = 0, states = 0;
    for (const race::scenario& s : race::scenarios()) {
        if (argc > 1 && std::strcmp(argv[1], s.name) != 0) continue;
        const clock::time_point began = clock::now();
        const race::report r = s.explore(s.within, {}, argc > 2 ? argv[2] : "");
        std::printf("%-40s %8llu executions %8llu states %6.2f s  ", s.name,
                    static_cast<unsigned long long>(r.executions), static_cast<unsigned long long>(r.states),
                    seconds_since(began));
        if (!r)
            std::printf("FAILED: %s\n    replay: circuit %s '%s'\n", r.failure.c_str(), s.name, r.replay.c_str());
        else if (!r.complete && argc <= 2)
            std::printf("not complete\n");
        else if (s.within.preemptions < 0)
            std::printf("all\n");
        else
            std::printf("at most %d preemptions\n", s.within.preemptions);
        std::fflush(stdout);
        ++(r && (r.complete || argc > 2) ? passed : failed);
        executions += r.executions;
        states += r.states;
    }
    std::printf("%llu executions, %llu states in %.1f s\n%d passed, %d failed\n", executions, states,
                seconds_since(start), passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
