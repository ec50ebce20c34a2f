// SPDX-License-Identifier: BSL-1.0
#include "applicable.hpp"
#include "circuits.hpp"
#include "config.hpp"
#include "folder.hpp"
#include "trace.hpp"

#include <keel/breaker.hpp>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

// Replays what Resilience4j's circuit breaker was seen to do on both lanes of a breaker and by whole pipelines, each
// trace up to the first record that keel does not follow: lanes FOLDER. `KEEL_TRACES` names another folder.

namespace {
namespace fs = std::filesystem;

struct tally {
    int passed = 0, failed = 0;
    std::size_t compared = 0, by_pipeline = 0;
};

void explain(const replay::trace& t, const replay::difference& d, const char* way) {
    std::printf("DIFFERS %s: record %zu, %s: %s\n  %s\n", t.name.c_str(), d.record, way, d.what.c_str(),
                t.header.c_str());
    for (std::size_t i = d.record < 12 ? 0 : d.record - 12; i <= d.record; ++i)
        std::printf("  %5zu %s\n", i, t.records[i].line.c_str());
}

/// Whether keel does what is recorded, in each way.
bool agrees(const replay::trace& t, std::size_t records, tally& sum) {
    return with_config(t, [&]<class Window>(const keel::breaker_config<Window>& config) {
        bool same = true;
        const auto check = [&](const replay::difference& d, const char* way) {
            sum.compared += records;
            if (d.what.empty()) return;
            explain(t, d, way);
            same = false;
        };
        check(replay::by_hooks<Window, true>(t, records, config), "on the express lane");
        check(replay::by_hooks<Window, false>(t, records, config), "on the cold lane");
        if (replay::calls_are_nested(t, records)) {
            check(std::make_unique<replay::by_pipeline<Window>>(t, records, config)->run(), "through a pipeline");
            ++sum.by_pipeline;
        }
        return same;
    });
}

/// Whether circuits with a minimum one higher than recorded are found out, in each way: a checker must be able to fail.
bool finds_a_wrong_minimum(const std::vector<replay::trace>& traces) {
    int express = 0, cold = 0, pipeline = 0;
    for (const replay::trace& t : traces) {
        const std::size_t records = replay::applicable(t).records;
        with_config(t, [&]<class Window>(keel::breaker_config<Window> config) {
            ++config.minimum_calls;
            express += !replay::by_hooks<Window, true>(t, records, config).what.empty();
            cold += !replay::by_hooks<Window, false>(t, records, config).what.empty();
            if (replay::calls_are_nested(t, records))
                pipeline += !std::make_unique<replay::by_pipeline<Window>>(t, records, config)->run().what.empty();
            return true;
        });
    }
    std::printf("control: a minimum that is wrong by one is found in %d, %d and %d traces\n", express, cold, pipeline);
    return express > 0 && cold > 0 && pipeline > 0;
}

int run(const fs::path& folder) {
    tally sum;
    std::map<std::string, int> reasons;
    for (const fs::path& file : replay::files_of(folder)) {
        const auto traces = replay::read(file).traces;
        int whole = 0, partly = 0, not_at_all = 0;
        for (const replay::trace& t : traces) {
            const std::string refused =
                with_config(t, [](const auto& config) { return replay::refused_config(config); });
            const auto [records, why] =
                refused.empty() ? replay::applicable(t) : replay::extent{0, "keel's " + refused};
            if (!why.empty()) {
                ++reasons[why];
                std::printf("not applicable from record %zu of %zu: %s: %s\n", records, t.records.size(),
                            t.name.c_str(), why.c_str());
            }
            if (records == 0 && !why.empty()) {
                ++not_at_all;
                continue;
            }
            ++(why.empty() ? whole : partly);
            ++(agrees(t, records, sum) ? sum.passed : sum.failed);
        }
        if (!traces.empty())
            std::printf("== %s: %zu traces, %d replayed as a whole, %d in part, %d not\n", file.filename().c_str(),
                        traces.size(), whole, partly, not_at_all);
        const bool has_a_control = file.filename() == "basic.public.txt" || file.filename() == "time.public.txt";
        if (has_a_control) ++(finds_a_wrong_minimum(traces) ? sum.passed : sum.failed);
    }
    for (const auto& [why, count] : reasons)
        std::printf("%4d x %s\n", count, why.c_str());
    std::printf("%zu records compared, %zu traces also by pipelines\n%d passed, %d failed\n", sum.compared,
                sum.by_pipeline, sum.passed, sum.failed);
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
