#pragma once
// SPDX-License-Identifier: BSL-1.0

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct row {
    std::string id; // the benchmark's name: unique
    std::string group;
    std::string name;
    std::string clock;
};

/// Collects every repetition; prints the medians when all is measured.
class table : public benchmark::BenchmarkReporter {
  public:
    void add(row r) { rows_.push_back(std::move(r)); }

    bool ReportContext(const Context&) override { return true; }

    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration) continue;
            if (run.error_occurred) {
                std::fprintf(stderr, "\n%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
                failed_ = true;
                continue;
            }
            // Google Benchmark divides the time on the wall by the iterations of all threads together. Times the
            // number of threads it is what one call takes on its own thread, waiting for a mutex included. The
            // processor time, which it does report for each thread, leaves that waiting out.
            const double ns = run.GetAdjustedRealTime() * static_cast<double>(run.threads);
            measured_[{run.run_name.function_name, run.threads}].push_back(ns);
        }
    }

    bool failed() const { return failed_; }

    void print(const std::string& raw_id, const std::string& unit_id, const std::string& flags) const {
        const double unit = median(unit_id, 1);
        std::printf("\nmachine   %s\ncompiler  %s %s\nflags     %s\n\n", processor().c_str(), compiler, __VERSION__,
                    flags.c_str());
        std::printf("ns          one call on its own thread, by the clock on the wall; median of the repetitions\n"
                    "over raw    ns less the raw call on as many threads: the price of what is around it\n"
                    "fetch_adds  over raw, divided by one uncontended fetch_add on 1 thread (%.2f ns)\n"
                    "x 1 thread  ns divided by ns on 1 thread; 1.0 is perfect scaling\n",
                    unit);
        std::string group;
        for (const row& r : rows_) {
            if (r.group != group) head(group = r.group);
            bool first = true;
            for (const auto& [key, unused] : measured_) {
                if (key.first != r.id) continue;
                const std::int64_t threads = key.second;
                const double ns = median(r.id, threads);
                const double over = ns - median(raw_id, threads);
                std::printf("%-*s  %-7s %7lld %10.2f", name_width, first ? r.name.c_str() : "", r.clock.c_str(),
                            static_cast<long long>(threads), ns);
                // A fetch_add alone is not around the raw call: it is what the others are compared to.
                const bool is_unit = r.group == rows_.front().group && r.name.starts_with("one ");
                cell(is_unit ? std::numeric_limits<double>::quiet_NaN() : over, 10);
                cell((is_unit ? ns : over) / unit, 11);
                if (threads == 1)
                    std::printf(" %11s\n", "-");
                else
                    std::printf(" %11.2f\n", ns / median(r.id, 1));
                first = false;
            }
        }
    }

  private:
    static constexpr int name_width = 59;
#if defined(__clang__)
    static constexpr const char* compiler = "clang";
#else
    static constexpr const char* compiler = "g++";
#endif

    static void cell(double value, int width) {
        if (std::isfinite(value))
            std::printf(" %*.2f", width, value);
        else
            std::printf(" %*s", width, "-");
    }

    static void head(const std::string& group) {
        std::printf("\n%-*s  %-7s %7s %10s %10s %11s %11s\n", name_width, group.c_str(), "clock", "threads", "ns",
                    "over raw", "fetch_adds", "x 1 thread");
        std::printf("%s\n", std::string(name_width + 64, '-').c_str());
    }

    static std::string processor() {
        std::ifstream info("/proc/cpuinfo");
        std::string model = "unknown processor";
        for (std::string line; std::getline(info, line);) {
            if (line.starts_with("model name")) {
                model = line.substr(line.find(':') + 2);
                break;
            }
        }
        return model + ", " + std::to_string(benchmark::CPUInfo::Get().num_cpus) + " processors";
    }

    /// Not a number where a filter left the row out.
    double median(const std::string& id, std::int64_t threads) const {
        const auto found = measured_.find({id, threads});
        if (found == measured_.end()) return std::numeric_limits<double>::quiet_NaN();
        std::vector<double> all = found->second;
        std::ranges::sort(all);
        return all[all.size() / 2];
    }

    std::vector<row> rows_;
    std::map<std::pair<std::string, std::int64_t>, std::vector<double>> measured_;
    bool failed_ = false;
};

} // namespace bench
