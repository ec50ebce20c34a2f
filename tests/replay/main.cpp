// SPDX-License-Identifier: BSL-1.0
#include "applicable.hpp"
#include "circuits.hpp"
#include "folder.hpp"
#include "trace.hpp"

#include <keel/breaker.hpp>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <string>

// Replays what Resilience4j's circuit breaker was seen to do: replay FOLDER. `KEEL_TRACES` names another folder.

namespace {
namespace fs = std::filesystem;

struct tally {
    int passed = 0, failed = 0;
    std::size_t compared = 0;
};

void explain(const replay::trace& t, const replay::difference& d, const char* way) {
    std::printf("DIFFERS %s: record %zu, %s: %s\n  %s\n", t.name.c_str(), d.record, way, d.what.c_str(),
                t.header.c_str());
    for (std::size_t i = d.record < 12 ? 0 : d.record - 12; i <= d.record; ++i)
        std::printf("  %5zu %s\n", i, t.records[i].text().c_str());
}

template <class Window>
bool agrees(const replay::trace& t, std::size_t records, bool nested, tally& sum) {
    const auto config = replay::config_of<Window>(t);
    const auto check = [&](const replay::difference& d, const char* way) {
        sum.compared += records;
        if (d.what.empty()) return true;
        explain(t, d, way);
        return false;
    };
    bool same = check(replay::by_hooks<Window, true>(t, records, config), "on the express lane");
    same = check(replay::by_hooks<Window, false>(t, records, config), "on the cold lane") && same;
    if (nested) same = check(replay::by_pipeline<Window>(t, records, config).run(), "through a pipeline") && same;
    return same;
}

bool agrees(const replay::trace& t, std::size_t records, bool nested, tally& sum) {
    return t.window == 'C' ? agrees<keel::sliding_window>(t, records, nested, sum)
                           : agrees<replay::time_window>(t, records, nested, sum);
}

/// Whether circuits with a minimum one higher than recorded are found out, in each way: a checker must be able to fail.
template <class Window>
bool finds_a_wrong_minimum(const std::vector<replay::trace>& traces) {
    int express = 0, cold = 0, pipeline = 0;
    for (const replay::trace& t : traces) {
        const std::size_t records = replay::applicable(t).records;
        auto config = replay::config_of<Window>(t);
        ++config.minimum_calls;
        express += !replay::by_hooks<Window, true>(t, records, config).what.empty();
        cold += !replay::by_hooks<Window, false>(t, records, config).what.empty();
        pipeline += !replay::by_pipeline<Window>(t, records, config).run().what.empty();
    }
    std::printf("control: a minimum that is wrong by one is found in %d, %d and %d traces\n", express, cold, pipeline);
    return express > 0 && cold > 0 && pipeline > 0;
}

int run(const fs::path& folder) {
    tally sum;
    std::map<std::string, int> reasons;
    for (const char* group : {"basic", "time", "interleaved", "manual", "extra"}) {
        const fs::path file = folder / (std::string(group) + ".public.txt");
        if (!fs::exists(file)) {
            std::printf("not replayed: %s is not there\n", file.c_str());
            continue;
        }
        const auto traces = replay::read(file);
        const bool nested = group == std::string("basic") || group == std::string("time");
        int whole = 0, partly = 0, not_at_all = 0;
        for (const replay::trace& t : traces) {
            const auto [records, why] = replay::applicable(t);
            if (!why.empty()) {
                ++reasons[why];
                if (records == 0)
                    std::printf("not applicable: %s: %s\n", t.name.c_str(), why.c_str());
                else
                    std::printf("not applicable from record %zu of %zu: %s: %s\n", records, t.records.size(),
                                t.name.c_str(), why.c_str());
            }
            if (records == 0) {
                ++not_at_all;
                continue;
            }
            ++(why.empty() ? whole : partly);
            ++(agrees(t, records, nested, sum) ? sum.passed : sum.failed);
        }
        if (nested) {
            const bool found = group == std::string("basic") ? finds_a_wrong_minimum<keel::sliding_window>(traces)
                                                             : finds_a_wrong_minimum<replay::time_window>(traces);
            ++(found ? sum.passed : sum.failed);
        }
        std::printf("== %s: %zu traces, %d replayed as a whole, %d in part, %d not\n", group, traces.size(), whole,
                    partly, not_at_all);
    }
    std::printf("not applicable: ratelimiter: keel has no rate limiter yet\n");
    for (const auto& [why, count] : reasons)
        std::printf("%4d x %s\n", count, why.c_str());
    std::printf("%zu records compared\n%d passed, %d failed\n", sum.compared, sum.passed, sum.failed);
    return sum.failed == 0 && sum.passed > 0 ? 0 : 1;
}
} // namespace

int main(int argc, char** argv) {
    const auto folder = replay::folder(argc, argv);
    if (!folder) return replay::skip;
    try {
        return run(*folder);
    } catch (const std::exception& e) {
        std::printf("%s\n0 passed, 1 failed\n", e.what());
        return 1;
    }
}
